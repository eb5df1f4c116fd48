"""Values in fixed point: constants that 18 bits hold, results that are close to float, whatever the stats."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from tests.nn.contract import fits  # noqa: E402

from bnnc.nn import BatchNorm, BinaryConv2d, QuantConv2d, Quantizer, Rescale, Rescaled, Step  # noqa: E402
from bnnc.nn.constants import rescale_constants, slope_constant  # noqa: E402

torch.set_num_threads(1)
EXTREMES = [0.0, 1.0, -1.0, 1e-30, -1e-30, 3e-7, -0.3, 7.9, 131071.0, -131072.0, 1e12, -1e30]


@pytest.mark.parametrize("unit", [1.0, 2.0**-7, 2.0**-19])
@pytest.mark.parametrize("step", [1.0, 2.0**-8, 2.0**3])
def test_all_constants_fit_the_operation(unit: float, step: float) -> None:
    a = torch.tensor(EXTREMES).repeat_interleave(len(EXTREMES))
    b = torch.tensor(EXTREMES).repeat(len(EXTREMES))
    m, after = rescale_constants(a, b, torch.tensor(unit), torch.tensor(step))
    assert all(fits(*pair, unit) for pair in zip(m.tolist(), after.tolist(), strict=True))


def test_constants_are_as_precise_as_18_bits_allow() -> None:
    a = torch.tensor([0.3, -1.7, 1 / 49, 100.0])
    m, after = rescale_constants(a, torch.zeros(()), torch.ones(()), torch.ones(()))
    assert bool(((m - a.double()).abs() <= a.abs() * 2.0**-16).all())
    assert bool((after == 0.5).all())


@pytest.mark.parametrize("slope", [0.25, -0.25, 1.0, -1.0, 0.0, 1e-30, 1.99999, 3.1, -777.7, 1e6])
def test_slopes_fit_the_operation(slope: float) -> None:
    fixed = slope_constant(torch.tensor([slope])).item()
    assert fits(1.0, 0.5, 1.0, fixed)
    assert fits(1.0, 17.5, 1.0, fixed, -5)
    assert fits(2.0**-6, 0.5, 1.0, fixed)


def test_halves_round_up() -> None:
    rescale = Rescale(1, Quantizer(4, step=2.0), norm=False).eval()
    x = torch.arange(-20.0, 20).reshape(-1, 1)
    expected = torch.clamp(torch.floor(x / 2 + 0.5), -8, 7) * 2
    assert torch.equal(rescale(x), expected)


def _adversarial(norm: BatchNorm, seed: int) -> None:
    """Statistics of both signs and all sizes; channel 0 has gamma 0, 1 a tiny one, 2 a tiny variance."""
    generator = torch.Generator().manual_seed(seed)
    draw = [torch.randn(norm.num_features, generator=generator) for _ in range(4)]
    with torch.no_grad():
        norm.weight.copy_(draw[0])
        norm.bias.copy_(draw[1])
        norm.running_mean.copy_(draw[2] * 5)
        norm.running_var.copy_(draw[3].exp() * 4)
        norm.weight[0], norm.weight[1], norm.running_var[2] = 0, 1e-30, 0


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_evaluation_is_within_a_step_of_float(relu: bool, seed: int) -> None:
    torch.manual_seed(seed)
    conv = BinaryConv2d(5, 16, 3, padding=1, quantize=Step(beta=0.6), bias=True)
    block = Rescaled(conv, Quantizer(16, step=2.0**-8), relu=relu).eval()
    _adversarial(block.rescale.norm, seed)
    conv.bias.data.normal_()
    x = torch.randn(4, 5, 6, 6)
    exact = block.rescale.norm.double()(conv(x).double())
    exact = torch.relu(exact) if relu else exact
    clipped = exact.clamp(-128, 128 - 2.0**-8)
    error = (block.float()(x) - clipped).abs() - exact.abs() * 2.0**-15
    assert float(error.max()) <= 2.0**-8


def test_per_filter_units_are_part_of_the_multiplier() -> None:
    torch.manual_seed(4)
    conv = QuantConv2d(3, 8, 3, quantize=Quantizer(8, step=2.0**-5), bias=True)
    conv.weight.data.mul_(torch.logspace(-3, 2, 8).reshape(-1, 1, 1, 1))
    block = Rescaled(conv, Quantizer(16, step=2.0**-6), norm=False).eval()
    x = torch.randn(2, 3, 5, 5)
    difference = (block(x) - conv(x).clamp(-512, 512)).abs()
    assert float(difference.max()) <= 2.0**-6 + 512 * 2.0**-16


def test_training_uses_batch_statistics_and_rounds_to_the_grid() -> None:
    torch.manual_seed(5)
    block = Rescaled(BinaryConv2d(4, 4, 3), Quantizer(8))
    y = block(torch.randn(8, 4, 9, 9))
    codes = y / block.grid.unit()
    assert torch.equal(codes, codes.round())
    assert abs(y.mean().item()) < 0.1
    assert block.rescale.norm.num_batches_tracked == 1
    y.sum().backward()
    assert block.layer.weight.grad is not None


def test_gradient_of_a_frozen_block_is_the_slope_of_its_line() -> None:
    rescale = Rescale(2, Quantizer(16, step=2.0**-4), norm=False).eval()
    x = torch.tensor([[3.0, -2.0], [1e9, 4.0]], requires_grad=True)
    rescale(x, scale=torch.tensor([0.5, -0.25])).sum().backward()
    assert x.grad.tolist() == [[0.5, -0.25], [0.0, -0.25]]


def test_that_gradient_reaches_to_the_ends_of_the_grid() -> None:
    rescale = Rescale(1, Quantizer(3, step=1.0), norm=False).eval()  # -4..3, halves up
    x = torch.tensor([[-4.75], [-4.5], [-4.0], [3.25], [3.5]], requires_grad=True)
    rescale(x, unit=torch.tensor(0.25)).sum().backward()
    assert x.grad.flatten().tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4, 5)])
def test_batch_norm_is_torchs_but_for_rounding(shape: tuple[int, ...]) -> None:
    torch.manual_seed(6)
    norm, x = BatchNorm(3), torch.randn(shape)
    _adversarial(norm, 6)
    plain = torch.nn.functional.batch_norm(
        x.double(),
        norm.running_mean.double(),
        norm.running_var.double(),
        norm.weight.double(),
        norm.bias.double(),
    )
    torch.testing.assert_close(norm.eval()(x).double(), plain, rtol=1e-5, atol=1e-3)


def test_batch_norm_rounds_a_product_and_a_sum() -> None:
    norm = BatchNorm(1).eval()
    norm.weight.data.fill_(1 / 3)
    norm.bias.data.fill_(0.1)
    x = torch.randn(1000, 1)
    g, h = (c.float() for c in norm.folded())
    expected = (x.numpy() * g.detach().numpy()) + h.detach().numpy()
    assert (norm(x).detach().numpy() == expected).all()
