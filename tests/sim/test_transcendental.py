"""Exponentials and logarithms: the written sequence of double operations bit for bit, close to the truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input
from bnnc.sim import transcendental as tr
from bnnc.sim.elementwise import apply

RNG = np.random.default_rng(11)
SPECIAL = [
    0.0,
    -0.0,
    1e-45,
    0.5,
    -0.5,
    88.7,
    88.8,
    -87.4,
    -103.9,
    -104.0,
    709.0,
    709.1,
    -745.0,
    -745.1,
    1e30,
    -1e30,
]
ARGUMENTS = np.concatenate([SPECIAL, [np.inf, -np.inf], RNG.normal(0, 1, 500), RNG.normal(0, 200, 500)])


def exp_step_by_step(t: float) -> float:
    """The definition, in Python floats."""
    if t < -745.0:
        return 0.0
    if t > 709.0:
        return math.inf
    k = math.floor(t * 1.4426950408889634 + 0.5)
    r = (t - k * 0.6931471803691238) - k * 1.9082149292705877e-10
    p = 1.0
    for n in range(13, 0, -1):
        p = 1.0 + (r * p) / n
    return math.ldexp(p, k)


def log_step_by_step(v: float) -> float:
    """The definition, in Python floats."""
    f, k = math.frexp(v)
    if f < 0.7071067811865476:
        f, k = f * 2, k - 1
    z = (f - 1) / (f + 1)
    z2 = z * z
    p = 0.0
    for n in range(25, 0, -2):
        p = p * z2 + 1.0 / n
    return (2 * z) * p + k * 0.6931471805599453


def sigmoid_step_by_step(x: float) -> float:
    return 1.0 / (1.0 + exp_step_by_step(-x))


def tanh_step_by_step(x: float) -> float:
    e = exp_step_by_step(-2.0 * abs(x))
    return math.copysign((1.0 - e) / (1.0 + e), x)


def softmax_step_by_step(x: list[float]) -> tuple[list[float], list[float]]:
    """Softmax and its logarithm."""
    below = [v - max(x) for v in x]
    e = [exp_step_by_step(v) for v in below]
    total = 0.0
    for v in e:
        total += v
    return [v / total for v in e], [v - log_step_by_step(total) for v in below]


def test_exp64() -> None:
    expected = [exp_step_by_step(t) for t in ARGUMENTS.tolist()]
    np.testing.assert_array_equal(tr.exp64(ARGUMENTS), expected)


def test_log64() -> None:
    v = np.concatenate(
        [np.exp(RNG.normal(0, 50, 500)), [1.0, 0.5, 0.7071067811865475, 0.7071067811865476, 5e-324]]
    )
    np.testing.assert_array_equal(tr.log64(v), [log_step_by_step(x) for x in v.tolist()])
    np.testing.assert_allclose(tr.log64(v), np.log(v), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("op", "definition", "truth"),
    [
        (src.Exp, exp_step_by_step, np.exp),
        (src.Tanh, tanh_step_by_step, np.tanh),
        (src.Sigmoid, sigmoid_step_by_step, lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_elementwise(
    op: type[src.Elementwise], definition: Callable[[float], float], truth: Callable[[np.ndarray], np.ndarray]
) -> None:
    x = ARGUMENTS.astype(np.float32).reshape(-1, 1)
    actual = apply(op("n", Input("x", (1,))), x)
    with np.errstate(over="ignore"):
        expected = np.array([definition(v) for v in x.ravel().tolist()]).astype(np.float32)
        near = truth(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(actual.ravel().view(np.uint32), expected.view(np.uint32))
    np.testing.assert_array_max_ulp(actual, near, maxulp=1)


@pytest.mark.parametrize("length", [1, 2, 10, 1000])
def test_softmax(length: int) -> None:
    x = np.concatenate([RNG.normal(0, 5, (8, length)), RNG.normal(0, 300, (8, length))]).astype(np.float32)
    softmax, log_softmax = tr.softmax(x), tr.log_softmax(x)
    for row, y, log_y in zip(x, softmax, log_softmax, strict=True):
        expected, expected_log = softmax_step_by_step(row.tolist())
        np.testing.assert_array_equal(y, np.array(expected).astype(np.float32))
        np.testing.assert_array_equal(log_y, np.array(expected_log).astype(np.float32))
    np.testing.assert_allclose(softmax.sum(axis=-1), 1, rtol=1e-5)


def test_softmax_of_equal_and_huge_numbers() -> None:
    assert tr.softmax(np.full((1, 4), 3e38, np.float32)).tolist() == [[0.25] * 4]


def test_a_value_does_not_depend_on_its_neighbours() -> None:
    """Vector units and scalar tails give the same bits."""
    whole = tr.exp64(ARGUMENTS)
    alone = np.array([tr.exp64(ARGUMENTS[i : i + 1])[0] for i in range(len(ARGUMENTS))])
    np.testing.assert_array_equal(whole, alone)


def test_sums_run_from_the_first_index_up() -> None:
    """Rounding to float32 hides most of what another order would change, so the sum is looked at itself."""
    x = RNG.uniform(0, 1, (50, 1000)) ** 20
    expected = []
    for row in x.tolist():
        total = 0.0
        for value in row:
            total += value
        expected.append([total])
    np.testing.assert_array_equal(tr.sequential_sum(x), expected)
