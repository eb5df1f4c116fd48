"""The blocks of Hybrid Binary Networks and FTBNN: orders of operations, places of PReLU, shortcuts."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from bnnc.nn import FBin, FTBNNBlock, PReLU, Quantizer, WBin, residual_grid  # noqa: E402
from bnnc.nn.ftbnn import PRELU_PLACES, SHORTCUTS  # noqa: E402

torch.set_num_threads(1)


def centred(w: object) -> object:
    return (w - w.mean(1, keepdim=True)).clamp(-1, 1)


def test_full_binary_is_norm_sign_convolution_relu() -> None:
    torch.manual_seed(0)
    block = FBin(4, 3, 3, padding=1).eval()
    block.norm.bias.data.normal_()
    x = torch.randn(2, 4, 5, 5)
    w = centred(block.conv.weight.detach())
    bits = torch.where(block.norm(x) >= 0, 1.0, -1.0)
    sums = torch.nn.functional.conv2d(bits, torch.where(w > 0, 1.0, -1.0), padding=1)
    assert torch.equal(block(x), torch.relu(sums * w.abs().mean((1, 2, 3)).reshape(-1, 1, 1)))


def test_weight_binary_is_convolution_norm_relu() -> None:
    torch.manual_seed(1)
    block = WBin(4, 3, 3, quantize=Quantizer(8, step=0.25)).eval()
    block.norm.bias.data.normal_()
    x = torch.randint(-20, 20, (2, 4, 5, 5)) * 0.25
    w = centred(block.conv.weight.detach())
    sums = torch.nn.functional.conv2d(x, torch.where(w > 0, 1.0, -1.0))
    scaled = sums * w.abs().mean((1, 2, 3)).reshape(-1, 1, 1)
    assert torch.equal(block(x), torch.relu(block.norm(scaled)))


@pytest.mark.parametrize("kind", [FBin, WBin])
@pytest.mark.parametrize("relu", [False, True])
def test_results_as_values_are_the_float_chain_on_a_grid(kind: type, relu: bool) -> None:
    torch.manual_seed(2)
    chain = kind(4, 6, 3, relu=relu).eval()
    valued = kind(4, 6, 3, relu=relu, grid=Quantizer(16, step=2.0**-8)).eval()
    valued.conv.layer.load_state_dict(chain.conv.state_dict())
    x = torch.randn(2, 4, 6, 6)
    assert float((chain(x) - valued(x)).abs().max().detach()) <= 2.0**-8


@pytest.mark.parametrize("prelu", PRELU_PLACES)
@pytest.mark.parametrize("shared", [False, True])
def test_prelu_stands_where_it_is_wanted(prelu: str, shared: bool) -> None:
    block = FTBNNBlock(4, 4, grid=residual_grid(), prelu=prelu, shared_slope=shared)
    found = [name for name, part in block.named_modules() if isinstance(part, PReLU)]
    wanted = {"none": [], "after-bn": ["act_conv"], "after-add": ["act"], "both": ["act_conv", "act"]}
    assert found == wanted[prelu]
    assert all(
        part.weight.numel() == (1 if shared else 4) for part in block.modules() if isinstance(part, PReLU)
    )


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize(("outputs", "stride"), [(4, 1), (8, 1), (4, 2), (8, 2)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_every_shortcut_keeps_the_grid_and_learns(
    shortcut: str, outputs: int, stride: int, groups: int
) -> None:
    torch.manual_seed(3)
    grid = residual_grid()
    block = FTBNNBlock(4, outputs, stride, groups, grid=grid, shortcut=shortcut, shuffle=True)
    x = torch.randn(2, 4, 6, 6)
    block(x).square().mean().backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in block.parameters())
    y = block.eval()(grid.on_grid(x))
    assert y.shape == (2, outputs, 6 // stride, 6 // stride)
    codes = y / grid.unit()
    assert torch.equal(codes, codes.round())


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="after-conv"):
        FTBNNBlock(4, 4, grid=residual_grid(), prelu="after-conv")
    with pytest.raises(ValueError, match="no multiple"):
        FTBNNBlock(4, 6, grid=residual_grid(), shortcut="pooled")
