"""Constants that published builds decide: what a tool makes of a unit. docs/hls_resources.md has the fit."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bnnc.hls.model.memory import fifo_cost
from bnnc.hls.model.resources import Circuit, Resources, total

LUT_SCALE = 1.21
FF_SCALE = 1.59
UNIT = Resources(lut=134, ff=89)
"""A unit's control: start, stop, stalls and the counters of its loop."""
SHELL = Resources(lut=4898, ff=6577, bram18=7)
"""Around the units of a project: DMA, interconnect, control registers."""


def unit_cost(circuit: Circuit) -> Resources:
    """A unit of so much logic, with its memories: these are counted, logic is scaled."""
    lut, ff = math.ceil(LUT_SCALE * circuit.lut), math.ceil(FF_SCALE * circuit.ff)
    return UNIT + Resources(lut, ff, dsp=circuit.dsp) + circuit.memory


def project_cost(units: Iterable[Resources], fifos: Iterable[tuple[int, int]]) -> Resources:
    """A whole project: its shell, units and FIFOs (depth, bits)."""
    return SHELL + total(units) + total(fifo_cost(*fifo) for fifo in fifos)
