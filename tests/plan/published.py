"""Scores that the authors of Hybrid Binary Networks (1804.03867) published, by the numbers of the layers."""

from __future__ import annotations

FIRST = 2  # layer 1 is real in all of them

SKETCH_A_NET = (7.19, 14.40, 13.06, 15.48, 19.62, 41.40)
RESNET_18 = (
    *(7.78, 8.46, 7.51, 7.68, 8.90, 7.16, 8.94, 8.60),
    *(10.47, 8.40, 9.87, 10.01, 12.75, 10.79, 13.67, 13.95),
)
SQUEEZENET = (
    *(14.82, 17.58, 8.84, 11.96, 6.98, 8.99, 6.06, 10.70, 6.93, 9.60),
    *(6.27, 8.66, 6.18, 8.39, 7.87, 6.12, 12.18, 17.84, 11.56),
)

SQUEEZENET_REAL = {2, 3, 4, 5, 7, 9, 11, 13, 15, 18, 19, 20}
RESNET_18_REAL = {12, 13, 14, 15, 16, 17}
