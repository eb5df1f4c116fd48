"""PReLU, RPReLU, additions, averages, channel moves."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from bnnc.nn import Add, AveragePool2d, ChannelShuffle, Duplicate, PReLU, Quantizer, RPReLU  # noqa: E402

torch.set_num_threads(1)
GRID = 2.0**-4


def on_grid(*shape: int) -> object:
    return torch.randint(-500, 500, shape).float() * GRID


@pytest.mark.parametrize("channels", [1, 4])
def test_prelu_of_any_slope_rounds_halves_up(channels: int) -> None:
    act = PReLU(channels, Quantizer(16, step=GRID)).eval()
    act.weight.data = torch.tensor([0.25, -0.5, 1.5, 0.0])[:channels]
    x = on_grid(3, 4, 5)
    slope = act.weight.detach().reshape(-1, 1)
    expected = torch.floor(torch.where(x < 0, x * slope, x) / GRID + 0.5) * GRID
    assert torch.equal(act(x), expected)


def test_rprelu_shifts_before_and_after() -> None:
    act = RPReLU(2, Quantizer(16, step=GRID)).eval()
    act.gamma.data, act.zeta.data = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    act.weight.data = torch.tensor([0.5, -1.25])
    x = on_grid(3, 2, 4, 4)
    gamma, slope, zeta = (p.detach().reshape(-1, 1, 1) for p in (act.gamma, act.weight, act.zeta))
    shifted = x - gamma
    exact = torch.where(shifted < 0, shifted * slope, shifted) + zeta
    assert torch.equal(act(x), torch.floor(exact / GRID + 0.5) * GRID)


@pytest.mark.parametrize("kind", [PReLU, RPReLU])
def test_training_is_the_float_function_on_the_grid(kind: type) -> None:
    torch.manual_seed(0)
    act = kind(3, Quantizer(16, step=GRID))
    x = on_grid(2, 3, 4).requires_grad_()
    y = act(x)
    exact = torch.where(x < 0, x * 0.25, x)
    assert float((y - exact).abs().max().detach()) <= GRID / 2
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(x < 0, 0.25, 1.0))
    torch.testing.assert_close(act.weight.grad, x.detach().clamp(max=0).sum((0, 2)))


def test_an_addition_only_saturates() -> None:
    add = Add(Quantizer(16, step=GRID)).eval()
    a, b = on_grid(2, 3), on_grid(2, 3)
    assert torch.equal(add(a, b), a + b)
    top = torch.full((1, 1), 32767 * GRID)
    assert torch.equal(add(top, top), top)


def test_an_addition_does_not_broadcast() -> None:
    with pytest.raises(ValueError, match="have to match"):
        Add(Quantizer(16))(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 1, 1))


@pytest.mark.parametrize("kernel", [2, 3, (1, 3), None])
def test_averages_are_rounded_once(kernel: int | tuple[int, int] | None) -> None:
    source, grid = Quantizer(16, step=GRID), Quantizer(16, step=GRID / 8)
    pool = AveragePool2d(kernel, source=source, grid=grid).eval()
    x = on_grid(2, 3, 6, 6)
    size = (6, 6) if kernel is None else kernel
    exact = torch.nn.functional.avg_pool2d(x.double(), size)
    assert float((pool(x) - exact).abs().max()) <= GRID / 16 + 2.0**-10
    codes = pool(x) / (GRID / 8)
    assert torch.equal(codes, codes.round())


def test_an_average_of_too_many_values_is_refused() -> None:
    pool = AveragePool2d(source=Quantizer(16))
    with pytest.raises(ValueError, match="576 values of 16 bits"):
        pool(torch.zeros(1, 1, 24, 24))


def test_channels_are_shuffled_and_duplicated() -> None:
    x = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert ChannelShuffle(2)(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert Duplicate(2)(x[:, :2]).flatten().tolist() == [0, 1, 0, 1]
