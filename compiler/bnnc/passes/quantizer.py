"""From the steps of a chain to a `Threshold` or a `Table`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.elem import I32, smallest_elem
from bnnc.ir.integer_ops import NO_CUT, Table, Threshold
from bnnc.ir.op import Array, Op
from bnnc.passes.chain import Chain, evaluate_pairs
from bnnc.passes.direction import monotone
from bnnc.passes.grid import last_discretizer, unit
from bnnc.passes.ranges import Range, reachable
from bnnc.passes.steps import Steps, find_steps

MANY_STEPS = 16  # above it a table beats comparisons, if it is not much larger
MAX_TABLE = 1 << 21  # entries: a few MiB
GRID_TOLERANCE = 1e-5  # a dequantized value is code * scale rounded to float32


@dataclass(frozen=True)
class Quantized:
    """Integers and what one unit of them is worth: float32 () or (C,)."""

    op: Op
    scale: Array


def quantize(root: Op, chain: Chain) -> Quantized | None:
    """The chain on the integers of `root` as a step function to integers of at most 16 bits.

    None if its results lie on no grid, or if a chain without a quantizer has too many of them.
    """
    grid = unit(chain)
    if grid is None or (last_discretizer(chain) < 0 and _is_long(reachable(root))):
        return None
    steps = chain_steps(root, chain)
    _refuse_zero_sign(chain, steps)
    made = grid_codes(steps, grid)
    if made is None or smallest_elem(made[0].values()).bits > 16:
        return None
    codes, scale = made
    return Quantized(step_op(chain[-1].name, root, codes, scale), scale)


def _is_long(reach: Range) -> bool:
    """Whether a table of the range would be larger than what rounding to 8 bits costs."""
    return reach.n_values > 1 << 16 or reach.n_values * len(reach.lo) > MAX_TABLE


def chain_steps(root: Op, chain: Chain) -> Steps:
    """Where the chain's float32 results change over the reachable values of `root`."""
    reach = reachable(root)
    known = monotone(chain, len(reach.lo))
    return find_steps(lambda x, c: evaluate_pairs(chain, x, c), reach, known, chain[-1].where)


def grid_codes(steps: Steps, grid: Array) -> tuple[Steps, Array] | None:
    """The steps with float values replaced by the integers n of value = n * scale, and the scale.

    A factor that all integers share goes into the scale. None where a value is no multiple of `grid`.
    """
    per_start = np.broadcast_to(grid, steps.start.shape).astype(np.float64)
    start, value = steps.start / per_start, steps.value / per_start[steps.channel]
    ratios = np.concatenate([start, value])
    codes = np.rint(ratios).astype(np.int64)
    if (abs(ratios - codes) > GRID_TOLERANCE * np.maximum(1, abs(ratios))).any():
        return None
    constant = (codes == codes[0]).all()
    factor = 1 if constant else int(np.gcd.reduce(codes))
    codes //= factor
    exact = Steps(codes[: len(start)], steps.channel, steps.cut, codes[len(start) :])
    return exact, np.asarray(grid * np.float32(factor), np.float32)


def _refuse_zero_sign(chain: Chain, steps: Steps) -> None:
    """ONNX Sign gives 0 for an exact 0: a third value, not a guess (design: ties)."""
    sign = chain[last_discretizer(chain)]
    if not isinstance(sign, src.Sign):
        return
    zero_start, zero_value = steps.start == 0, steps.value == 0
    if not (zero_start.any() or zero_value.any()):
        return
    if zero_value.any():
        where = f"channel {steps.channel[zero_value][0]}, accumulator {steps.cut[zero_value][0]}"
    else:
        where = f"channel {zero_start.argmax()}, the smallest accumulator"
    raise sign.refusal(
        f"an exact 0 is reachable in front of it ({where}), and Sign(0) is 0, neither +1 nor -1",
        "use BipolarQuant, or a compare + Where, which say what 0 becomes",
    )


def step_op(name: str, root: Op, steps: Steps, scale: Array) -> Op:
    """`Threshold` for few steps, `Table` for many over a short range."""
    counts = np.bincount(steps.channel, minlength=len(steps.start))
    most = int(counts.max(initial=0))
    elem = smallest_elem(steps.values())
    window = _window(steps, reachable(root))
    if (
        most > MANY_STEPS
        and window is not None
        and window.size * elem.dtype.itemsize <= 8 * most * len(counts)
    ):
        first = window.first
        return Table(name, root, first, _table(steps, window).astype(elem.dtype), scale, window.shift, elem)
    cuts = np.full((len(counts), most), NO_CUT, np.int64)
    jumps = np.zeros((len(counts), most), np.int64)
    row = np.arange(len(steps.channel)) - np.repeat(np.cumsum(counts) - counts, counts)
    cuts[steps.channel, row] = steps.cut
    jumps[steps.channel, row] = steps.jumps()
    return Threshold(
        name, root, steps.start.astype(np.int32), cuts.astype(np.int32), jumps.astype(np.int32), scale, elem
    )


@dataclass(frozen=True)
class _Window:
    """The x of every channel from its first to its last step: first int32 (C,), width in 2**shift."""

    first: Array
    width: int
    shift: int

    @property
    def size(self) -> int:
        """Entries of a table over the window."""
        return len(self.first) * self.width


def _window(steps: Steps, reach: Range) -> _Window | None:
    shift = reach.step.bit_length() - 1
    lowest, highest = reach.hi.copy(), reach.lo.copy()
    np.minimum.at(lowest, steps.channel, steps.cut - reach.step)
    np.maximum.at(highest, steps.channel, steps.cut)
    lowest = np.minimum(lowest, highest)
    width = int(((highest - lowest) >> shift).max()) + 1
    if width * len(lowest) > 1 << 26 or not I32.holds(int(lowest.min()), int(highest.max())):
        return None
    return _Window(lowest.astype(np.int32), width, shift)


def _table(steps: Steps, window: _Window) -> Array:
    """(C, width): the value at first + (index << shift)."""
    jumps = np.zeros((len(window.first), window.width), np.int64)
    jumps[:, 0] = steps.start
    index = (steps.cut - window.first[steps.channel]) >> window.shift
    np.add.at(jumps, (steps.channel, index), steps.jumps())
    return np.cumsum(jumps, axis=1)
