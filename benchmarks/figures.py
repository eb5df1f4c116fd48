"""Speed, memory and repeatability of bnnc on CNV (CIFAR-10, 1-bit), on one core, against what was promised.

`make bench` runs it. The network is one of the published ones that lie in ../shared/data beside the checkout.
"""

from __future__ import annotations

import filecmp
import sys
import tempfile
from pathlib import Path

import numpy as np
from command import Measured, bnnc
from networks import EXAMPLE, networks

NAME = "cnv_w1a1_cifar10_qonnx"
CORE = 0


def main() -> None:
    found = [network for network in networks() if network.name == NAME]
    if not found:
        print(f"{NAME} is not beside this checkout (../shared/data): nothing to measure")
        return
    [cnv] = found
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "x.npy", cnv.load().x)
        met = measure(cnv.model, folder)
    if not all(met):
        sys.exit("a figure is not reached")


def measure(model: Path, folder: Path) -> list[bool]:
    """Print every figure beside its bound; whether each is reached."""
    compile_for("arm", EXAMPLE / "fashion_mnist.onnx", folder / "libc")  # zig builds its libc once a machine
    first = compile_for("arm", model, folder / "first")
    compile_for("arm", model, folder / "second")
    host = compile_for("host", model, folder / "host")
    n_differing = len(differing(folder / "first", folder / "second"))
    return [
        figure("bnnc --help", min(bnnc("--help").seconds for _ in range(3)), 0.3, "s"),
        figure("compile to arm", first.seconds, 20, "s"),
        figure("compile to arm, peak memory", first.peak_bytes / 2**30, 2, "GiB"),
        figure("compile to host, peak memory", host.peak_bytes / 2**30, 2, "GiB"),
        figure("sim, 1000 images", run_on("sim", folder / "first", folder).seconds, 20, "s"),
        figure("host, 1000 images", run_on("host", folder / "host", folder).seconds, 2, "s"),
        figure("files that differ between two compilations", n_differing, 0, ""),
    ]


def figure(what: str, value: float, bound: float, unit: str) -> bool:
    met = value <= bound
    print(
        f"{what:45}{value:8.2f} {unit:4} (at most {bound} {unit}){'' if met else '  NOT REACHED'}", flush=True
    )
    return met


def compile_for(target: str, model: Path, folder: Path) -> Measured:
    return bnnc("compile", model, "--target", target, "-o", folder, core=CORE)


def run_on(executor: str, network: Path, folder: Path) -> Measured:
    """The whole command, with its start, reading and writing."""
    files = ("--input", folder / "x.npy", "--output", folder / "y.npy")
    return bnnc("run", network, "--on", executor, *files, core=CORE)


def differing(a: Path, b: Path) -> list[Path]:
    """Files that are not in both folders with the same bytes."""
    names = {path.relative_to(root) for root in (a, b) for path in root.rglob("*") if path.is_file()}
    return [
        name
        for name in sorted(names)
        if not (
            (a / name).is_file() and (b / name).is_file() and filecmp.cmp(a / name, b / name, shallow=False)
        )
    ]


if __name__ == "__main__":
    main()
