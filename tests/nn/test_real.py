"""Real-valued layers: weights on power-of-two grids, sums that float32 holds exactly."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from bnnc.nn import QuantConv2d, Quantizer, QuantLinear, Sign  # noqa: E402

torch.set_num_threads(1)


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_lie_on_their_grid(bits: int) -> None:
    torch.manual_seed(bits)
    conv = QuantConv2d(3, 6, 3, weight_bits=bits)
    codes = conv.real_weight() / conv.weight_step().reshape(-1, 1, 1, 1)
    hi = (1 << (bits - 1)) - 1
    assert torch.equal(codes, codes.round())
    assert float(codes.abs().max()) <= hi
    assert float(codes.abs().max()) > hi / 4


def test_eight_bits_are_close_to_the_latent_weights() -> None:
    torch.manual_seed(0)
    layer = QuantLinear(64, 8)
    error = (layer.real_weight() - layer.weight).abs().amax(1)
    assert bool((error <= layer.weight_step() / 2).all())


@pytest.mark.parametrize(("quantize", "largest"), [("i8", 128), ("u8", 255), (Sign(), 1)])
def test_no_sum_can_leave_what_float32_holds(quantize: object, largest: int) -> None:
    layer = QuantLinear(9000, 2, quantize=quantize)
    layer.weight.data.fill_(1.0)
    codes = (layer.real_weight() / layer.weight_step().reshape(-1, 1)).abs().sum(1)
    assert float(codes.max()) * largest <= 1 << 24


def test_sums_do_not_depend_on_their_order() -> None:
    torch.manual_seed(1)
    layer = QuantLinear(500, 7, bias=False).eval()
    x, order = torch.randn(3, 500) * 4, torch.randperm(500)
    exact = layer._input(x).double() @ layer.real_weight().double().T
    assert torch.equal(layer(x).double(), exact)
    layer.weight.data = layer.weight.data[:, order]
    assert torch.equal(layer(x[:, order]).double(), exact)


def test_a_filter_of_zeros_and_a_tiny_one() -> None:
    conv = QuantConv2d(2, 2, 1, quantize=Quantizer(8, step=1.0), bias=False).eval()
    conv.weight.data[0], conv.weight.data[1] = 0.0, 1e-30
    assert conv(torch.ones(1, 2, 1, 1)).tolist() == [[[[0.0]], [[0.0]]]]
    assert bool(torch.isfinite(conv.unit()).all())


def test_the_unit_counts_the_sums() -> None:
    torch.manual_seed(2)
    conv = QuantConv2d(3, 4, 3, quantize=Quantizer(8, step=0.25), bias=False).eval()
    sums = conv.accumulate(torch.randn(1, 3, 5, 5)) / conv.unit().reshape(-1, 1, 1)
    assert torch.equal(sums, sums.round())


def test_gradients_pass_to_latent_weights_and_input() -> None:
    layer = QuantLinear(4, 3)
    x = torch.randn(2, 4, requires_grad=True)
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, layer.real_weight().detach().sum(0).expand(2, 4))
    assert layer.weight.grad.abs().sum() > 0


def test_impossible_layers_are_refused() -> None:
    for options in ({"weight_bits": 1}, {"quantize": "8"}, {"quantize": "i99"}):
        with pytest.raises(ValueError, match="bits|unknown"):
            QuantLinear(4, 4, **options)
