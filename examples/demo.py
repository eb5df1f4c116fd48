"""Compiles the example network for ARM and HLS, runs it on every executor and compares all bits.

`make demo` runs it. It calls the `bnnc` program and reads the .npy files that it writes, as a user would.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "examples" / "fashion_mnist" / "fashion_mnist.onnx"
IMAGES = ROOT / "examples" / "fashion_mnist" / "test_images.npz"
BUILD = ROOT / "build" / "demo"
BNNC = Path(sys.executable).parent / "bnnc"


@dataclass(frozen=True)
class Run:
    """One executor on the first `n_images` images: what it reads, what it is."""

    executor: str
    network: Path
    n_images: int
    what: str


RUNS = (
    Run("source", MODEL, 200, "the trained graph in onnxruntime"),
    Run("sim", MODEL, 200, "bnnc's integer network in NumPy"),
    Run("host", MODEL, 200, "compiled for this machine's CPU"),
    Run("arm", BUILD / "arm", 200, "the AArch64 program"),
    Run("hls", BUILD / "hls", 20, "the HLS C++, compiled and run here"),
)


def main() -> None:
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    with np.load(IMAGES) as images:
        x, labels = images["x"], images["y"]
    np.save(BUILD / "x.npy", x)
    for target in ("arm", "hls"):
        bnnc("compile", MODEL, "--target", target, "-o", BUILD / target)
    results = {run.executor: execute(run) for run in RUNS}
    print()
    print(f"{'executor':10}{'images':>8}{'bits agree':>12}{'correct':>9}   what ran")
    agree = [report(run, results[run.executor], results["source"], labels) for run in RUNS]
    print(f"bits agree: {'yes' if all(agree) else 'no'}")
    if not all(agree):
        sys.exit("the executors disagree")


def execute(run: Run) -> NDArray[Any]:
    """Logits float32 (n_images, 10)."""
    output = BUILD / f"{run.executor}.npy"
    bnnc(
        *("run", run.network, "--on", run.executor, "--input", BUILD / "x.npy"),
        *("--output", output, "--limit", str(run.n_images)),
    )
    result: NDArray[Any] = np.load(output)
    return result


def report(run: Run, y: NDArray[Any], reference: NDArray[Any], labels: NDArray[Any]) -> bool:
    """Print a row of the table; True when all bits are those of the source network."""
    same = np.array_equal(y, reference[: run.n_images])
    correct = np.mean(y.argmax(axis=1) == labels[: run.n_images])
    print(f"{run.executor:10}{len(y):8}{'yes' if same else 'NO':>12}{correct:9.1%}   {run.what}")
    return same


def bnnc(*arguments: str | Path) -> None:
    """Run a bnnc command, shown with the time it took; leaves with its exit status when it fails."""
    shown = [str(a.relative_to(ROOT)) if isinstance(a, Path) else a for a in arguments]
    print("$ bnnc", *shown, flush=True)
    start = time.monotonic()
    status = subprocess.run([BNNC, *arguments]).returncode
    if status != 0:
        sys.exit(status)
    print(f"  {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
