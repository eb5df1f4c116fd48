"""Runs a network of the zoo, with unkind random weights, on several executors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from tests.zoo.images import random_images
from tests.zoo.networks import Case

import bnnc
from bnnc.executors.network import Network, open_network
from bnnc.executors.verify import verify
from bnnc.executors.workshop import open_workshop
from bnnc.ir.op import Array
from bnnc.zoo import randomize

N_IMAGES = 16


def exported(case: Case, seed: int, folder: Path) -> tuple[Network, Array, Array]:
    """The network as `bnnc` reads it, images float32 (16, C, H, W), and torch's own logits."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    calibration = random_images(case.n_calibration, case.channels, case.size, seed)
    net = randomize(case.make(), seed, calibration)
    x = random_images(N_IMAGES, case.channels, case.size, seed + 1)
    with torch.no_grad():
        logits = net(x).numpy()
    bnnc.export(net, x[:1], folder / "network.onnx")
    return open_network(folder / "network.onnx", None, folder / "cache"), x.numpy(), logits


def check_agreement(case: Case, seed: int, samples: Mapping[str, int], folder: Path) -> None:
    """Every executor in `samples` has the simulator's bits on so many images, and the source torch's."""
    network, x, logits = exported(case, seed, folder)
    assert len(np.unique(logits, axis=0)) > len(x) // 2, "the network is dead: it answers all images alike"
    with open_workshop(network) as workshop:
        assert np.array_equal(workshop.source().run(x), logits)
        print(f"torch = onnxruntime on {len(x)} images of {x.shape[1:]}")
        for name, count in samples.items():
            [verdict] = verify(network.graph, [name], x[:count], workshop.open, workshop.source)
            assert verdict.equal, verdict.mismatch or verdict.comparison
            print(f"{verdict.title} = sim on {verdict.samples} images: {verdict.comparison}")
