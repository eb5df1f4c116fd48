"""The networks that the benchmarks run: where they are, what they read, how much of it each executor gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
EXAMPLE = ROOT / "examples" / "fashion_mnist"

UNIT = "u8:scale=1/255"
SIGNED = "u8:scale=2/255,offset=-1"


@dataclass(frozen=True)
class Samples:
    """Samples in a network's own input layout and value range, their labels."""

    x: Array
    labels: Array


@dataclass(frozen=True)
class Network:
    """`domain` is what --input-domain gets; empty where a quantizer at the input says it.

    `expected` is an .npz file whose array `expected_key` holds the published answers, a class a sample.
    """

    name: str
    model: Path
    bits: str
    load: Callable[[], Samples]
    domain: str = ""
    n_arm: int = 50
    n_hls: int = 20
    expected: Path | None = None
    expected_key: str = "top1"


def networks() -> list[Network]:
    """The example, and the published networks when they are beside the checkout."""
    example = Network("fashion_mnist", EXAMPLE / "fashion_mnist.onnx", "1 / 1", _example, n_arm=200)
    return [example, *(_published() if DATA.is_dir() else [])]


def _published() -> list[Network]:
    tfc = [("tfc_1w1a", "1 / 1"), ("tfc_1w2a", "1 / 2"), ("tfc_2w2a", "2 / 2")]
    found = [_network(name, f"{name}.onnx", bits, _mnist(1 / 255), UNIT) for name, bits in tfc]
    found.append(_network("tfc_1w1a_finn", "tfc_1w1a_finn.onnx", "1 / 1", _mnist(1), "u8"))
    for activations in (1, 2):
        lfc, cnv = f"lfc_w1a{activations}_mnist", f"cnv_w1a{activations}_cifar10"
        for form in ("", "_qonnx"):
            bits = f"1 / {activations}"
            found.append(_network(lfc, f"{lfc}{form}.onnx.gz", bits, _mnist(2 / 255, -1), SIGNED))
            found.append(_network(cnv, f"{cnv}{form}.onnx.gz", bits, _cifar10, n_arm=10, n_hls=3))
    boards: dict[str, Any] = {
        "expected": DATA / "subsets" / "kws_test1000.npz",
        "expected_key": "hw_top1_arty",
    }
    found.append(_network("kws_mlp_w3a3", "kws_mlp_w3a3.onnx", "3 / 3", _keywords, **boards))
    lenet = "bmxnet_lenet_mnist"
    found.append(_network(lenet, f"{lenet}.onnx.gz", "1 / 1, ends real", _mnist(1 / 255), UNIT))
    return found


def _network(
    name: str, file: str, bits: str, load: Callable[[], Samples], domain: str = "", **more: Any
) -> Network:
    reference: dict[str, Any] = {"expected": DATA / "expected" / f"{name}.npz"} | more
    return Network(file.split(".")[0], DATA / "models" / file, bits, load, domain, **reference)


def _example() -> Samples:
    with np.load(EXAMPLE / "test_images.npz") as images:
        return Samples(images["x"], images["y"])


def _subset(name: str) -> Samples:
    with np.load(DATA / "subsets" / name) as subset:
        return Samples(subset["x"], subset["y"])


def _mnist(scale: float, offset: float = 0) -> Callable[[], Samples]:
    """Pixels times `scale` plus `offset`, rounded to float32 once."""

    def load() -> Samples:
        raw = _subset("mnist_test1000.npz")
        return Samples((raw.x[:, None] * scale + offset).astype(np.float32), raw.labels)

    return load


def _cifar10() -> Samples:
    raw = _subset("cifar10_test1000.npz")
    return Samples((raw.x.transpose(0, 3, 1, 2) * (2 / 255) - 1).astype(np.float32), raw.labels)


def _keywords() -> Samples:
    raw = _subset("kws_test1000.npz")
    return Samples(raw.x.astype(np.float32) * np.float32(0.33674246072769165), raw.labels)
