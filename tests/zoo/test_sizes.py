"""Packed sizes are those of the papers' architectures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from torch import nn

from bnnc import zoo
from bnnc.zoo import count_weights

MEGABYTES: dict[str, tuple[Callable[[], nn.Module], float]] = {
    "VGG-Small": (zoo.vgg_small, 0.91),
    "AlexNet": (zoo.hybrid_alexnet, 23.8),
    "AlexNet, last layer binary": (lambda: zoo.hybrid_alexnet(last="wbin"), 7.93),
    "Sketch-A-Net": (zoo.sketch_a_net, 1.62),
    "ResNet-18 of FTBNN": (zoo.ftbnn_resnet18, 4.15),
    "ResNet-18 of PCNN": (zoo.pcnn_resnet18, 4.15),
}


@pytest.mark.parametrize("name", MEGABYTES)
def test_packed_sizes(name: str) -> None:
    make, megabytes = MEGABYTES[name]
    count = count_weights(make())
    print(f"{name}: {count.binary} binary, {count.real} real weights, {count.n_bytes / 1e6:.3f} MB")
    assert count.n_bytes / 1e6 == pytest.approx(megabytes, rel=0.02)


def test_groups_divide_the_binary_weights() -> None:
    plain, grouped = (count_weights(zoo.ftbnn_resnet18(g, width=0.25)) for g in (1, 4))
    assert plain.real == grouped.real and plain.binary == 4 * grouped.binary


def test_projections_multiply_the_channels_of_a_layer() -> None:
    one, four = (count_weights(zoo.pcnn22(j)) for j in (1, 4))
    assert four.binary == 16 * one.binary


def test_sparse_layers_count_what_is_left() -> None:
    net = zoo.alexnet_tac(width=0.0625, image_size=64)
    dense = count_weights(net).sparse_bits
    zoo.prune(net, density=0.1)
    assert count_weights(net).sparse_bits == pytest.approx(dense / 10, rel=0.01)
