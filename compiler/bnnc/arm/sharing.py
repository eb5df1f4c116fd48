"""Which stages threads share: those that take longer than it takes to wake the threads."""

from __future__ import annotations

import math

from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import packed_of
from bnnc.ir.packed_ops import BitConv2d, XnorConv2d
from bnnc.schedule.stages import Stage

LEAST_WORK = 8000  # vector operations: a few microseconds
_LANES = 4  # of 32 bits, of a common register


def work(stage: Stage) -> int:
    """About how many vector operations a stage takes."""
    elements = math.prod(stage.head.type.shape)
    match stage.head:
        case XnorConv2d() as conv:
            return 3 * elements * math.prod(conv.weights.shape[1:]) // _LANES
        case BitConv2d() as conv:
            planes = packed_of(conv.x).elem.bits
            return 3 * planes * elements * math.prod(conv.weights.shape[1:]) // _LANES
        case Conv2d() as conv:
            return elements * math.prod(conv.weights.shape[1:]) // _LANES
        case _:
            return sum(math.prod(op.type.shape) for op in (*stage.inputs, *stage.ops))


def threads_of(stage: Stage, threads: int) -> int:
    """How many of `threads` a stage is worth."""
    return threads if work(stage) >= LEAST_WORK else 1
