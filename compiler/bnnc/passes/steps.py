"""Step functions: where a chain changes over the reachable integers, found by evaluating it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir.op import Array
from bnnc.passes.ranges import Range

ENUMERATED_VALUES = 1 << 22  # evaluations at which walking through all values is still instant
MAX_ENUMERATED_VALUES = 1 << 27

Evaluate = Callable[[Array, Array], Array]  # (x int64 (M,), channel (M,)) -> values (M,)


@dataclass(frozen=True)
class Steps:
    """Channel c has value start[c] at its lowest x; from x = cut[k] on, in channel[k], it has value[k].

    Sorted by channel, then cut.
    """

    start: Array
    channel: Array
    cut: Array
    value: Array

    def values(self) -> Array:
        """Every value that is taken, in no order."""
        return np.concatenate([self.start, self.value])

    def jumps(self) -> Array:
        """What each step adds to the value before it."""
        is_first = np.append(True, self.channel[1:] != self.channel[:-1])[: len(self.channel)]
        before = np.where(is_first, self.start[self.channel], np.roll(self.value, 1))
        difference: Array = self.value - before
        return difference


class Monotone(Enum):
    """What is known of a function: float32 rounding included, up to the last bits, or nothing."""

    EXACTLY = 1
    NEARLY = 2
    NO = 3


def find_steps(evaluate: Evaluate, reach: Range, monotone: Monotone, where: str) -> Steps:
    """All steps of a function over the reachable x: enumeration, or bisection where it is monotone and long.

    A nearly monotone function is enumerated as far as that is possible.
    """
    total = reach.n_values * len(reach.lo)
    few = ENUMERATED_VALUES if monotone == Monotone.EXACTLY else MAX_ENUMERATED_VALUES
    if total > few and monotone != Monotone.NO:
        return bisect_steps(evaluate, reach)
    if total > few:
        raise BnncError.at(
            where,
            f"not monotone, with {reach.n_values} reachable values in {len(reach.lo)} channels",
            "keep non-monotone functions (PReLU with negative slope, Abs, even Pow) behind narrower layers",
        )
    return enumerate_steps(evaluate, reach)


def enumerate_steps(evaluate: Evaluate, reach: Range) -> Steps:
    """Evaluate at every reachable x."""
    parts = [_enumerate_channel(evaluate, reach, c) for c in range(len(reach.lo))]
    start = np.array([value[0] for _, value, _ in parts])
    channel = np.repeat(np.arange(len(parts)), [len(at) for at, _, _ in parts])
    cut = np.concatenate([x[at] for at, _, x in parts])
    value = np.concatenate([value[at] for at, value, _ in parts])
    return Steps(start, channel, cut, value)


def _enumerate_channel(evaluate: Evaluate, reach: Range, channel: int) -> tuple[Array, Array, Array]:
    """(indices of x where the value differs from the one before, all values, all x)."""
    x = np.arange(reach.lo[channel], reach.hi[channel] + 1, reach.step)
    value = evaluate(x, np.full(len(x), channel))
    return np.flatnonzero(value[1:] != value[:-1]) + 1, value, x


def bisect_steps(evaluate: Evaluate, reach: Range) -> Steps:
    """Halve every interval whose ends differ until it is one step wide; exact for monotone functions."""
    channel = np.arange(len(reach.lo))
    low, high = reach.lo.copy(), reach.hi.copy()
    at_low, at_high = evaluate(low, channel), evaluate(high, channel)
    start, found = at_low, list[tuple[Array, Array, Array]]()
    while True:
        differ = at_low != at_high
        channel, low, high, at_low, at_high = (a[differ] for a in (channel, low, high, at_low, at_high))
        done = high - low == reach.step
        found.append((channel[done], high[done], at_high[done]))
        channel, low, high, at_low, at_high = (a[~done] for a in (channel, low, high, at_low, at_high))
        if not len(channel):
            break
        middle = low + (high - low) // reach.step // 2 * reach.step
        at_middle = evaluate(middle, channel)
        channel, low, high = (
            np.tile(channel, 2),
            np.concatenate([low, middle]),
            np.concatenate([middle, high]),
        )
        at_low, at_high = np.concatenate([at_low, at_middle]), np.concatenate([at_middle, at_high])
    channel, cut, value = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((cut, channel))
    return Steps(start, channel[order], cut[order], value[order])
