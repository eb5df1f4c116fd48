"""The derivatives that stand in for those of sign and step, against the papers' formulas."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from bnnc.nn import Sign, Step  # noqa: E402
from bnnc.nn.estimators import ESTIMATORS  # noqa: E402

POINTS = [-1.5, -1.0, -0.75, -0.5, -0.4, -0.25, 0.0, 0.25, 0.4, 0.5, 0.75, 1.0, 1.5]
FORMULAS = {
    "ste": [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
    "xnor": [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
    "bireal": [0, 0, 0.5, 1, 1.2, 1.5, 2, 1.5, 1.2, 1, 0.5, 0, 0],
    "trained-binarization": [0, 0.4, 0.4, 0.4, 0.4, 1, 2, 1, 0.4, 0.4, 0.4, 0.4, 0],
    "identity": [1] * 13,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_derivative_is_the_papers(name: str) -> None:
    x = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    gradient = torch.linspace(-2, 3, len(POINTS), dtype=torch.float64)
    Sign(name)(x).backward(gradient)
    expected = torch.tensor(FORMULAS[name], dtype=torch.float64)
    torch.testing.assert_close(x.grad, gradient * expected, rtol=1e-12, atol=1e-12)


def test_sign_of_zero_is_plus_one_and_step_of_zero_is_zero() -> None:
    x = torch.tensor([-1e-45, -0.0, 0.0, 1e-45, -2.0, 3.0])
    assert Sign()(x).tolist() == [-1, 1, 1, 1, -1, 1]
    assert Step()(x).tolist() == [0, 0, 0, 1, 0, 1]


def test_step_multiplies_by_beta_and_learns_it() -> None:
    step = Step(beta=0.75)
    x = torch.tensor([-0.5, 0.1, 0.7, 2.0], requires_grad=True)
    gradient = torch.tensor([1.0, 2.0, 4.0, 8.0])
    y = step(x)
    y.backward(gradient)
    assert y.tolist() == [0, 0.75, 0.75, 0.75]
    assert step.beta.grad == 14  # sum(g * 1(x > 0))
    torch.testing.assert_close(x.grad, gradient * 0.75 * torch.tensor([0.4, 1.6, 0.4, 0.0]))


def test_an_unknown_estimator_is_refused() -> None:
    with pytest.raises(ValueError, match="known are ste, xnor"):
        Sign("stepwise")
