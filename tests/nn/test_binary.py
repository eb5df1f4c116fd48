"""Binary and ternary layers: exact sums, scales, and gradients by finite differences or the papers."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from torch.nn import functional as F  # noqa: E402

from bnnc.nn import BinaryConv2d, BinaryLinear, Quantizer, Sign, Step, penalty  # noqa: E402
from bnnc.nn.binary import _centred  # noqa: E402

torch.set_num_threads(1)


def signs(w: object) -> object:
    return torch.where(w > 0, 1.0, -1.0)


def finite_difference(f: object, parameter: object, index: tuple[int, ...]) -> float:
    """The central difference of f() by one element of a parameter."""
    step = 2.0**-6  # exact in float32; f is linear in the parameter
    with torch.no_grad():
        parameter[index] += step
        above = f().item()
        parameter[index] -= 2 * step
        below = f().item()
        parameter[index] += step
    return (above - below) / (2 * step)


@pytest.mark.parametrize("padding_value", [0, 1, -1])
@pytest.mark.parametrize(("groups", "stride", "dilation"), [(1, 1, 1), (2, 2, 1), (4, 1, 2)])
def test_accumulators_are_the_integer_sums(
    padding_value: int, groups: int, stride: int, dilation: int
) -> None:
    torch.manual_seed(0)
    conv = BinaryConv2d(4, 8, 3, stride, 2, dilation, groups, padding_value=padding_value).eval()
    x = torch.randn(2, 4, 7, 6)
    padded = F.pad(torch.where(x >= 0, 1.0, -1.0), (2, 2, 2, 2), value=padding_value).long()
    expected = F.conv2d(
        padded.double(), signs(conv.weight).double(), None, stride, 0, dilation, groups
    ).float()
    assert torch.equal(conv.accumulate(x), expected)
    alpha = conv.weight.abs().mean((1, 2, 3)).reshape(-1, 1, 1)
    assert torch.equal(conv(x), expected * alpha)


def test_a_weight_of_zero_counts_as_minus_one() -> None:
    layer = BinaryLinear(3, 1, alpha="none").eval()
    layer.weight.data = torch.tensor([[0.0, -0.0, 1e-45]])
    assert layer(torch.ones(1, 3)).item() == -1


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("none", None), ("xnor", (5,)), ("layer-mean", ()), ("learned", ()), ("learned-filter", (5,))],
)
def test_alpha_modes(mode: str, shape: tuple[int, ...] | None) -> None:
    layer = BinaryLinear(8, 5, alpha=mode)
    scale = layer.scale()
    assert (None if scale is None else tuple(scale.shape)) == shape
    if mode == "learned-filter":
        torch.testing.assert_close(scale, layer.weight.abs().mean(1))
    assert penalty(layer).item() == pytest.approx(
        scale.square().sum().item() if mode.startswith("learned") else 0.0
    )


@pytest.mark.parametrize("mode", ["learned", "learned-filter"])
def test_gradient_of_learned_scales_by_finite_differences(mode: str) -> None:
    torch.manual_seed(1)
    conv = BinaryConv2d(2, 3, 3, alpha=mode, quantize=Step())
    x, g = torch.randn(2, 2, 5, 5), torch.randn(2, 3, 3, 3)
    (conv(x) * g).sum().backward()
    index = (1,) if mode == "learned-filter" else ()
    for parameter, at in ((conv.alpha.value, index), (conv.quantize.beta, ())):
        numeric = finite_difference(lambda: (conv(x) * g).sum(), parameter.data, at)
        assert float(parameter.grad[at]) == pytest.approx(numeric, rel=1e-3)


def test_gradient_of_the_penalty() -> None:
    layer = BinaryLinear(4, 3, alpha="learned-filter")
    penalty(layer).backward()
    torch.testing.assert_close(layer.alpha.value.grad, 2 * layer.alpha.value.detach())


def test_xnor_weights_get_the_gradient_of_alpha_and_sign() -> None:
    """d(alpha sign(w_i)) / dw by the chain rule, 1(|w| <= 1) standing for the sign's derivative."""
    torch.manual_seed(2)
    layer = BinaryLinear(6, 1, weight_estimator="ste")
    layer.weight.data = torch.tensor([[-1.5, -0.5, -0.1, 0.2, 0.9, 1.2]])
    x = torch.tensor([[1.0, -1, 1, 1, -1, 1]])
    layer(x).backward()
    w, s = layer.weight.detach(), signs(layer.weight.detach())
    alpha = w.abs().mean()
    expected = x * alpha * (w.abs() <= 1) + (x * s).sum() * torch.sign(w) / 6
    torch.testing.assert_close(layer.weight.grad, expected)


def test_hybrid_weights_get_the_gradient_of_the_paper() -> None:
    """g on alpha * sign(w) times (alpha 1(|w| < 1) + 1/n) (1 - 1/I) n."""
    torch.manual_seed(3)
    conv = BinaryConv2d(3, 2, 2, weights="hybrid", quantize=Sign("xnor"))
    x, g = torch.randn(1, 3, 4, 4), torch.randn(1, 2, 3, 3)
    conv(x).backward(g)
    w = conv.weight.detach()  # centred and clamped by the forward pass
    full = (signs(w) * w.abs().mean((1, 2, 3), keepdim=True)).requires_grad_()
    F.conv2d(signs(x), full).backward(g)
    factor = (w.abs().mean((1, 2, 3), keepdim=True) * (w.abs() < 1) + 1 / 12) * (1 - 1 / 3) * 12
    torch.testing.assert_close(conv.weight.grad, full.grad * factor)


def test_hybrid_weights_are_centred_and_clamped_in_training_and_evaluation() -> None:
    conv = BinaryConv2d(4, 2, 1, weights="hybrid", quantize=None)
    conv.weight.data.mul_(3).add_(5)
    before = conv.weight.detach().clone()
    conv.eval()(torch.ones(1, 4, 1, 1))
    assert torch.equal(conv.weight, before)
    assert torch.equal(conv.latent(), _centred(before))
    conv.train()(torch.ones(1, 4, 1, 1))
    assert torch.equal(conv.weight, _centred(before))
    assert float(conv.weight.detach().abs().max()) <= 1


def test_ternary_weights_and_their_scale() -> None:
    layer = BinaryLinear(5, 1, weights="ternary", quantize=None)
    layer.weight.data = torch.tensor([[1.0, -2.0, 0.73, -0.72, 0.55]])  # 0.7 * mean = 0.7
    assert layer.binary_weight().tolist() == [[1, -1, 1, -1, 0]]
    assert layer.scale().item() == pytest.approx((1 + 2 + 0.73 + 0.72) / 4)


def test_real_inputs_are_quantized_to_the_layers_grid() -> None:
    conv = BinaryConv2d(1, 1, 1, quantize=Quantizer(4, step=0.5), alpha="none").eval()
    conv.weight.data.fill_(1)
    x = torch.tensor([0.3, 0.8, 9.0]).reshape(1, 1, 1, 3)
    assert conv(x).flatten().tolist() == [0.5, 1.0, 3.5]
    assert conv.unit() == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 3}, "3 groups"),
        ({"alpha": "mean"}, "unknown alpha"),
        ({"weights": "real"}, "unknown weights"),
        ({"quantize": "relu"}, "unknown quantizer"),
        ({"quantize": Quantizer(16), "kernel_size": 20}, "not exact in float32"),
    ],
)
def test_impossible_layers_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BinaryConv2d(4, 4, **{"kernel_size": 3, **options})
