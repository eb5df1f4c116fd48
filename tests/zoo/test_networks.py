"""How the networks are wired, what they refuse, and what random weights are like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
import torch
from tests.zoo.images import random_images
from torch import Tensor, nn

from bnnc import zoo
from bnnc.nn import Alpha, BatchNorm, FBin, Layer, PReLU, Sign, SparseLinear, Step, WBin

SMALL: dict[str, Any] = {"width": 0.0625, "num_classes": 3, "in_channels": 1, "image_size": 32}
STEM = (5, 1, 2)


def test_the_second_block_reads_the_stem() -> None:
    net = zoo.hybrid_resnet18(stem="small", **SMALL).eval()
    read: dict[str, Tensor] = {}
    net.stem.register_forward_hook(lambda module, x, y: read.update(stem=y))
    net.blocks[0].register_forward_hook(lambda module, x, y: read.update(first=y))
    net.get_submodule("blocks.1.branch").register_forward_hook(lambda module, x, y: read.update(branch=x[0]))
    net.get_submodule("blocks.1.shortcut").register_forward_hook(
        lambda module, x, y: read.update(shortcut=x[0])
    )
    net(random_images(1, 1, 32, 1))
    assert torch.equal(read["branch"], read["stem"]) and torch.equal(read["shortcut"], read["first"])
    assert not torch.equal(read["first"], read["stem"])


def test_chosen_layers_keep_real_inputs() -> None:
    net = zoo.hybrid_alexnet((3, 7), last="wbin", stem=STEM, **SMALL)
    kinds = [_kind(part) for name, part in net.named_children() if name.startswith("conv")]
    assert kinds == ["real", "fbin", "wbin", "fbin", "fbin", "fbin", "wbin", "wbin"]


def test_chosen_blocks_keep_real_inputs() -> None:
    net = zoo.hybrid_resnet18((8,), stem="small", **SMALL)
    assert [_kind(net.get_submodule(f"blocks.{i}.branch")) for i in range(8)] == 7 * ["fbin"] + ["wbin"]


@pytest.mark.parametrize(("activation", "kind"), [("01", Step), ("pm", Sign)])
def test_vgg_small_binarizes_all_inputs_but_the_first(activation: str, kind: type[nn.Module]) -> None:
    layers = [part for part in zoo.vgg_small(activation, **SMALL).modules() if isinstance(part, Layer)]
    assert [isinstance(layer.quantize, kind) for layer in layers] == [False] + 6 * [True]


def test_depths_of_wide_networks() -> None:
    layers = [part for part in zoo.pcnn22(depth=16, width=0.25).modules() if isinstance(part, Layer)]
    assert len(layers) == 16  # the two 1x1 shortcuts counted


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zoo.vgg_small("ter"), "unknown activation 'ter'"),
        (lambda: zoo.hybrid_alexnet((1,)), "weight_binary of 2..7"),
        (lambda: zoo.hybrid_alexnet(last="none"), "last 'none'"),
        (lambda: zoo.hybrid_alexnet(width=0.01, image_size=30), "give a larger image_size"),
        (lambda: zoo.hybrid_resnet18((9,)), "of 1..8"),
        (lambda: zoo.hybrid_resnet18(downsample="real"), "downsample 'real'"),
        (lambda: zoo.ftbnn_resnet18(image_size=100), "do not halve 3 times"),
        (lambda: zoo.pcnn_resnet18(stem="tiny"), "unknown stem 'tiny'"),
        (lambda: zoo.pcnn22(depth=20), "depth 20 of 10, 16, 22"),
    ],
)
def test_what_cannot_be_built_is_refused(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_random_weights_are_unkind_and_repeatable() -> None:
    nets = [zoo.ftbnn_resnet18(2, width=0.25, image_size=64, in_channels=1) for _ in range(2)]
    images = random_images(4, 1, 64, 1)
    first, second = (zoo.randomize(net, 3, images) for net in nets)
    states = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in states) and not first.training
    gammas = torch.cat([norm.weight for norm in first.modules() if isinstance(norm, BatchNorm)])
    slopes = torch.cat([act.weight for act in first.modules() if isinstance(act, PReLU)])
    assert (gammas == 0).any() and (gammas < -1).any() and (gammas.abs() < 1e-20).sum() > (gammas == 0).sum()
    assert (slopes < 0).any() and (slopes > 1).any()


def test_random_scales_are_negative_too() -> None:
    net = zoo.randomize(zoo.vgg_small(**SMALL), 1, random_images(4, 1, 32, 1))
    values = [part.value for part in net.modules() if isinstance(part, Alpha)]
    scales = torch.cat([value for value in values if value is not None])
    assert (scales < 0).any() and (scales > 0).any()


def test_some_channels_meet_an_exact_zero() -> None:
    net = zoo.randomize(zoo.vgg_small(**SMALL), 1, random_images(4, 1, 32, 1))
    norms = [part for part in net.modules() if isinstance(part, BatchNorm)]
    assert all(norm(torch.zeros(1, norm.num_features))[0, 0] == 0 for norm in norms)


def test_sparse_layers_are_pruned_and_quantized_together() -> None:
    net = zoo.alexnet_tac(sparse_last=True, stem=STEM, **SMALL)
    zoo.prune(net, density=0.1)
    zoo.quantize_weights(net)
    layers = [part for part in net.modules() if isinstance(part, SparseLinear)]
    assert len(layers) == 3
    assert all(layer.density == pytest.approx(0.1, abs=0.01) and layer.is_quantized for layer in layers)


def _kind(part: nn.Module) -> str:
    """What the first layer inside is."""
    inside = list(part.modules())
    if any(isinstance(layer, WBin) for layer in inside):
        return "wbin"
    return "fbin" if any(isinstance(layer, FBin) for layer in inside) else "real"
