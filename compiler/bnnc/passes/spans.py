"""Between which real numbers a value lies: from calibration data, else from what is reachable."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnnc.errors import BnncError
from bnnc.passes.chain import Chain, evaluate_pairs
from bnnc.passes.direction import direction
from bnnc.passes.lines import lines_of
from bnnc.passes.ranges import Range, reachable
from bnnc.passes.value import Value

Span = tuple[float, float]
Calibration = Mapping[str, Span]
"""The smallest and the largest number that operations of the source were seen to compute, by their names."""


def span(value: Value, calibration: Calibration, wanted_by: str) -> Span:
    """Bounds of a settled value without waiting pools; BnncError where nothing is known of them."""
    chain = value.functions
    name = chain[-1].name if chain else value.root.name
    if name in calibration:
        return calibration[name]
    reach = reachable(value.root)
    channels = np.arange(len(reach.lo))
    points = _turning_points(chain, reach)
    if points is None:
        raise BnncError.at(
            f"node {wanted_by!r}",
            f"reads real numbers of {name!r}, whose range is unknown (not monotone)",
            "put a quantizer in front of the layer, or give samples with --calibrate",
        )
    ends = [evaluate_pairs(chain, x, channels) for x in points]
    return float(np.min(ends)), float(np.max(ends))


def _turning_points(chain: Chain, reach: Range) -> list[np.ndarray] | None:
    """Integers int64 (C,) among which every channel has its smallest and its largest number."""
    if direction(chain, len(reach.lo)).all():
        return [reach.lo, reach.hi]
    lines = lines_of(chain, len(reach.lo))
    if lines is None:
        return None
    corner = np.clip(np.floor(lines.corner), reach.lo, reach.hi).astype(np.int64)
    return [reach.lo, reach.hi, corner, np.minimum(corner + 1, reach.hi)]
