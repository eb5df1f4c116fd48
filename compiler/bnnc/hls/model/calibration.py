"""Constants that published builds decide: what a tool makes of a unit. docs/hls_resources.md has the fit."""

from __future__ import annotations

import math

from bnnc.hls.model.resources import NOTHING, Resources

LUT_SCALE = 1.2
FF_SCALE = 1.2
UNIT = Resources(lut=100, ff=150)
"""A unit's control: start, stop, stalls and the counters of its loop."""
SHELL = Resources(lut=5000, ff=7000, bram18=4)
"""Around the units of a project: DMA, interconnect, control registers."""


def unit_cost(lut: float, ff: float, memory: Resources = NOTHING, dsp: int = 0) -> Resources:
    """A unit of so much logic, with its memories: these are counted, logic is scaled."""
    logic = Resources(math.ceil(LUT_SCALE * lut), math.ceil(FF_SCALE * ff), dsp=dsp)
    return UNIT + logic + memory
