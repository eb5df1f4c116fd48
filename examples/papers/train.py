"""Trains the small network of a paper and its float twin, and checks the ARM program against torch.

python examples/papers/train.py NAME --data FOLDER   (`pip install bnnc[torch]` gives what it imports)
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import results
import torch
from images import images_and_labels
from networks import DEMOS, Demo
from numpy.typing import NDArray
from torch import Tensor, nn
from training import Recipe, logits, train
from twin import float_twin

import bnnc

N_ARM = 1000
TWIN_RATE = 2e-3


def main() -> None:
    options = _options()
    torch.set_num_threads(1)  # one thread adds in one order: the same seed gives the same network
    torch.manual_seed(options.seed)
    demo = DEMOS[options.name]
    net = demo.make()
    twin = float_twin(net)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        stored = folder / f"{options.name}.pt"
        if not (options.measure and stored.is_file()):
            _train_both(demo, net, twin, images_and_labels(options.data, "train", options.images), stored)
        state = torch.load(stored)
        net.load_state_dict(state["net"])
        twin.load_state_dict(state["twin"])
        nets = (net.eval(), twin.eval())
        _measure(options.name, demo, nets, images_and_labels(options.data, "t10k"), state["training"], folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=DEMOS)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--images", type=int, default=20_000, help="how many images to train on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a folder for the weights, the .onnx file and the program")
    parser.add_argument("--measure", action="store_true", help="take the weights in --out as they are")
    return parser.parse_args()


def _train_both(
    demo: Demo, net: nn.Module, twin: nn.Module, images: tuple[Tensor, Tensor], stored: Path
) -> None:
    epochs = sum(recipe.epochs for _, recipe in demo.stages)
    _trained(net, demo, *images)
    print("float twin", flush=True)
    train(twin, *images, Recipe(epochs, TWIN_RATE))
    training = f"{len(images[0]):,} images, {epochs} epochs"
    torch.save({"net": net.state_dict(), "twin": twin.state_dict(), "training": training}, stored)


def _trained(net: nn.Module, demo: Demo, x: Tensor, y: Tensor) -> None:
    for prepare, recipe in demo.stages:
        if prepare is not None:
            prepare(net)
        print(f"{demo.title}: {recipe}", flush=True)
        train(net, x, y, recipe, demo.loss)


def _measure(
    name: str,
    demo: Demo,
    nets: tuple[nn.Module, nn.Module],
    test: tuple[Tensor, Tensor],
    training: str,
    folder: Path,
) -> None:
    x, labels = test
    binary, twin = (logits(net, x).numpy() for net in nets)
    answers, how = run_on_arm(nets[0], x[:N_ARM], name, folder)
    row = results.Row(
        name,
        demo.paper,
        demo.title,
        _correct(twin, labels),
        _correct(binary, labels),
        _correct(binary[:N_ARM], labels[:N_ARM]),
        _correct(answers, labels[:N_ARM]),
        int((answers.argmax(1) == binary[:N_ARM].argmax(1)).sum()),
        int((answers == binary[:N_ARM]).all(axis=1).sum()),
        N_ARM,
        training,
    )
    print(row.line())
    results.write(row, list(DEMOS), how)
    if row.same_class != N_ARM:
        sys.exit("the ARM program disagrees with torch")
    if 100 * (row.twin - row.binary) > demo.within:
        sys.exit(f"more than {demo.within} points below the float twin")


def run_on_arm(net: nn.Module, x: Tensor, name: str, folder: Path) -> tuple[NDArray[np.float32], str]:
    """The logits that the program compiled for arm computes, and by what means it ran."""
    model, program = folder / f"{name}.onnx", folder / "arm"
    bnnc.export(net, x[:1], model)
    np.save(folder / "x.npy", x.numpy())
    _bnnc("compile", model, "--target", "arm", "-o", program, "--force")
    _bnnc("run", program, "--on", "arm", "--input", folder / "x.npy", "--output", folder / "y.npy")
    np.save(folder / "one.npy", x[:1].numpy())
    verdict = _bnnc("verify", program, "--on", "arm", "--data", folder / "one.npy")
    means = re.search(r"arm \((\w+)\)", verdict)
    return np.load(folder / "y.npy"), means[1] if means else "arm"


def _bnnc(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "bnnc", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bnnc {' '.join(command[3:])}\n{done.stdout}{done.stderr}")
    return done.stdout


def _correct(answers: NDArray[np.float32], labels: Tensor) -> float:
    return float((answers.argmax(1) == labels.numpy()).mean())


if __name__ == "__main__":
    main()
