"""The example network is what its README says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np


def test_the_network_is_below_a_megabyte(example: Path) -> None:
    assert (example / "fashion_mnist.onnx").stat().st_size < 1_000_000


def test_it_is_right_on_most_of_the_whole_test_set(example: Path) -> None:
    assert int(_measured(example, r"correct, exported network in onnxruntime: (\d+)")) >= 8800


def test_source_and_simulator_answer_as_measured_in_training(example: Path, tmp_path: Path) -> None:
    with np.load(example / "test_images.npz") as images:
        x, labels = images["x"], images["y"]
    np.save(tmp_path / "x.npy", x)
    results = [_run(example, executor, tmp_path) for executor in ("source", "sim")]
    assert np.array_equal(*results)
    correct = int((results[0].argmax(axis=1) == labels).sum())
    assert correct == int(_measured(example, r"correct of the first 200: (\d+)"))


def _measured(example: Path, pattern: str) -> str:
    match = re.search(pattern, (example / "results.txt").read_text())
    assert match is not None
    return match[1]


def _run(example: Path, executor: str, folder: Path) -> np.ndarray:
    output = folder / f"{executor}.npy"
    files = ["--input", str(folder / "x.npy"), "--output", str(output)]
    command = ["-m", "bnnc", "run", str(example / "fashion_mnist.onnx"), "--on", executor, *files]
    subprocess.run([sys.executable, *command], check=True)
    return np.load(output)
