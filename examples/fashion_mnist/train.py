"""Trains the example network on a CPU, exports it to QONNX and measures it on the whole test set.

python examples/fashion_mnist/train.py --data FOLDER   (`pip install bnnc[torch,test]` gives what it imports)
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from data import load
from export import export
from model import BinaryNet
from numpy.typing import NDArray
from reference import run_exported
from torch import Tensor
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
N_TEST_IMAGES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    torch.set_num_threads(1)  # one thread adds in one order: the same seed gives the same network
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(options.seed)
    images, labels = load(options.data, "t10k")
    net = train(BinaryNet(), options, *load(options.data, "train"))
    report = finish(net, options.out, images, labels)
    (options.out / "results.txt").write_text(report)
    print(report, end="")


def as_input(images: NDArray[np.uint8]) -> Tensor:
    """uint8 (N, 28, 28) as the network's input, float32 (N, 1, 28, 28) = pixel / 255."""
    return torch.from_numpy(images[:, None] / np.float32(255))


def train(
    net: BinaryNet, options: argparse.Namespace, images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> BinaryNet:
    x, y = as_input(images), torch.from_numpy(labels)
    steps = options.epochs * (len(x) // options.batch)
    optimizer = torch.optim.Adam(net.parameters(), lr=options.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in range(options.epochs):
        start, total = time.monotonic(), 0.0
        for batch in torch.randperm(len(x)).split(options.batch)[: steps // options.epochs]:
            loss = F.cross_entropy(net(mirrored(x[batch])), y[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            net.clip_weights()
            total += loss.item()
        mean = total * options.epochs / steps
        print(f"epoch {epoch + 1}: loss {mean:.4f}, {time.monotonic() - start:.0f} s", flush=True)
    return net.eval()


def mirrored(x: Tensor) -> Tensor:
    """Each image as it is or mirrored left to right, at random."""
    flip = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(flip, x.flip(3), x)


def finish(net: BinaryNet, out: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    """Write the network and the test images; returns the measured figures."""
    export(net, out / "fashion_mnist.onnx")
    x = as_input(images)
    with torch.no_grad():
        trained = torch.cat([net(part) for part in x.split(500)]).numpy()
    exported = run_exported(out / "fashion_mnist.onnx", x.numpy())
    np.savez_compressed(
        out / "test_images.npz", x=x.numpy()[:N_TEST_IMAGES], y=labels[:N_TEST_IMAGES].astype(np.uint8)
    )
    correct = int((exported.argmax(1) == labels).sum())
    same = int((trained.argmax(1) == exported.argmax(1)).sum())
    return (
        f"test images: {len(labels)}\n"
        f"correct, exported network in onnxruntime: {correct} ({correct / len(labels):.2%})\n"
        f"same class as the network in torch: {same}\n"
        f"largest difference of a logit from torch: {abs(trained - exported).max():.3g}\n"
        f"correct of the first {N_TEST_IMAGES}: {int((exported.argmax(1) == labels)[:N_TEST_IMAGES].sum())}\n"
    )


if __name__ == "__main__":
    main()
