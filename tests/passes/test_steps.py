"""Finding steps: bisection and enumeration see the same function."""

from __future__ import annotations

import numpy as np
import pytest

from bnnc.errors import BnncError
from bnnc.ir.op import Array
from bnnc.passes.ranges import Range
from bnnc.passes.steps import MAX_ENUMERATED_VALUES, Monotone, bisect_steps, enumerate_steps, find_steps


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("seed", range(20))
def test_bisection_equals_enumeration(seed: int, step: int) -> None:
    rng = np.random.default_rng(seed)
    channels = 7
    lo = rng.integers(-300, 0, channels)
    reach = Range(lo, lo + step * rng.integers(0, 400, channels), step)
    cuts = np.sort(rng.integers(-320, 600, (channels, 5)), axis=1)
    sign = rng.choice([-1, 1], channels)

    def function(x: Array, channel: Array) -> Array:
        levels: Array = sign[channel] * (x[:, None] >= cuts[channel]).sum(axis=1)
        return levels

    found, walked = bisect_steps(function, reach), enumerate_steps(function, reach)
    for name in ("start", "channel", "cut", "value"):
        assert np.array_equal(getattr(found, name), getattr(walked, name)), name


def test_long_functions_of_unknown_direction_are_refused() -> None:
    reach = Range(np.array([0]), np.array([MAX_ENUMERATED_VALUES]))
    with pytest.raises(BnncError, match="'abs'.*not monotone"):
        find_steps(lambda x, channel: abs(x), reach, Monotone.NO, "node 'abs'")
