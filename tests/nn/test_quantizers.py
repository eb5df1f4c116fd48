"""Grids of values: steps, ranges, what training observes, where gradients pass."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from bnnc.nn import OnGrid, Quantizer, QuantLinear, Requantizer, residual_grid  # noqa: E402
from bnnc.nn.powers import step_above, step_near  # noqa: E402


@pytest.mark.parametrize(("x", "step"), [(1, 1), (1.0001, 2), (0.5, 0.5), (0.3, 0.5), (0, 2.0**-40), (3, 4)])
def test_step_above_is_the_next_power_of_two(x: float, step: float) -> None:
    assert step_above(torch.tensor(float(x))) == step


@pytest.mark.parametrize(("x", "step"), [(1.4, 1), (1.42, 2), (0.71, 1), (0.7, 0.5)])
def test_step_near_is_the_nearest_power_of_two(x: float, step: float) -> None:
    assert step_near(torch.tensor(x)) == step


def test_values_round_half_to_even_and_saturate() -> None:
    grid = Quantizer(4, signed=True, step=0.5).eval()
    x = torch.tensor([-100.0, -4.0, -0.25, 0.25, 0.75, 1.2, 3.4, 3.75, 9.0])
    assert grid(x).tolist() == [-4, -4, 0, 0, 1, 1, 3.5, 3.5, 3.5]


def test_an_unsigned_grid_starts_at_zero() -> None:
    assert Quantizer(2, signed=False, step=1.0)(torch.tensor([-5.0, 0.6, 7.0])).tolist() == [0, 1, 3]


def test_training_finds_the_step_and_evaluation_keeps_it() -> None:
    grid = Quantizer(8)
    grid(torch.tensor([-100.0, 3.0]))
    assert grid.unit() == 1  # 127 * 0.5 < 100
    grid.eval()
    grid(torch.tensor([1e6]))
    assert grid.unit() == 1


def test_the_observed_peak_decays() -> None:
    grid = Quantizer(8, decay=0.5)
    for x in (64.0, 1.0, 1.0, 1.0):
        grid(torch.tensor([x]))
    assert grid.peak == 8


def test_a_residual_grid_leaves_room() -> None:
    grid = residual_grid()
    grid(torch.tensor([30.0]))
    assert grid.unit() == 2.0**-9  # 2 * 30 / 32767 rounded up


def test_the_gradient_passes_where_nothing_is_clipped() -> None:
    grid = Quantizer(3, signed=True, step=1.0)  # -4..3
    x = torch.tensor([-4.2, -4.0, 0.3, 3.0, 3.1], requires_grad=True)
    grid(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("options", [{"bits": 1}, {"bits": 17}, {"step": 0.3}])
def test_impossible_grids_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="bits|power of two"):
        Quantizer(**options)


def test_values_on_a_grid_are_requantized_with_halves_up() -> None:
    grid = Requantizer(4, step=0.5).eval()
    x = torch.tensor([-100.0, -0.75, -0.25, 0.25, 0.75, 1.25, 9.0])
    assert grid(x).tolist() == [-4, -0.5, 0, 0.5, 1, 1.5, 3.5]


def test_a_layer_may_trust_the_grid_of_its_input() -> None:
    grid = Quantizer(8, step=0.25)
    trusted, quantized = QuantLinear(3, 2, quantize=OnGrid(grid)), QuantLinear(3, 2, quantize=grid)
    quantized.load_state_dict(trusted.state_dict(), strict=False)
    x = grid.on_grid(torch.randn(5, 3))
    assert torch.equal(trusted(x), quantized(x))
    assert torch.equal(trusted.unit(), quantized.unit())


def test_two_narrow_bits_are_ternary() -> None:
    grid = Quantizer(2, narrow=True, step=0.5)
    assert grid(torch.tensor([-9.0, -0.26, -0.25, 0.0, 0.3, 9.0])).tolist() == [-0.5, -0.5, 0, 0, 0.5, 0.5]
    assert grid.largest() == 1
