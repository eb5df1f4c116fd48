"""The same layer by several programs in turn, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import larq
import ort
from layers import binary_conv
from shapes import Shape
from subject import compiled

from bnnc.bench.wallclock import Stopwatch
from bnnc.ir.graph import Graph

Take = Callable[[int], float]
ROUNDS, TAKES = 8, 6  # every contender is asked for TAKES times in a row, ROUNDS times
SECONDS = 0.001  # a taken time is a mean over about that long; longer ones are more likely to be disturbed
V3 = "x86-64-v3"


@dataclass(frozen=True)
class Result:
    """Seconds of a convolution by contender: the fastest time that was taken."""

    shape: Shape
    seconds: Mapping[str, float]

    def gmacs(self, name: str) -> float | None:
        """Thousand millions of multiply-accumulates a second; None where it did not run."""
        return self.shape.macs / self.seconds[name] / 1e9 if name in self.seconds else None

    def best(self, beginning: str) -> str:
        """The fastest of the contenders whose names begin so; empty where there is none."""
        names = [name for name in self.seconds if name.startswith(beginning)]
        return min(names, key=self.seconds.__getitem__, default="")


def race(shape: Shape, has_larq: bool) -> Result:
    """Ours for this machine and for x86-64-v3, onnxruntime, larq-compute-engine."""
    with ExitStack() as stack, one_core():
        contenders: dict[str, Take] = {
            "bnnc": stack.enter_context(ours(binary_conv(shape), "conv", None)),
            f"bnnc {V3}": stack.enter_context(ours(binary_conv(shape), "conv", V3)),
            "onnxruntime float32": ort.float_conv(shape),
            "onnxruntime int8 NHWC": ort.int8_conv(shape, channels_last=True),
            "onnxruntime int8 NCHW": ort.int8_conv(shape, channels_last=False),
        }
        if has_larq:
            for kernel in larq.KERNELS:
                for output in larq.OUTPUTS:
                    name = f"larq {kernel}, {output} output"
                    contenders[name] = stack.enter_context(larq.worker(shape, kernel, output))
        return Result(shape, fastest(contenders))


def fastest(contenders: Mapping[str, Take]) -> dict[str, float]:
    """The fastest of ROUNDS x TAKES times of each, taken in turn."""
    repetitions = {name: max(1, int(SECONDS / take(1))) for name, take in contenders.items()}
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, take in contenders.items():
            best[name] = min([best[name], *(take(repetitions[name]) for _ in range(TAKES))])
    return best


@contextmanager
def ours(graph: Graph, layer: str, cpu: str | None) -> Iterator[Take]:
    """The kernel that begins with a layer, inside the compiled network."""
    program = compiled(graph, "host", cpu)
    [number] = [i for i, stage in enumerate(program.manifest.details["stages"]) if stage["layer"] == layer]
    with tempfile.TemporaryDirectory() as folder:
        watch = Stopwatch(program, Path(folder))
        yield lambda repetitions: float(watch.take(TAKES, repetitions)[:, 1 + number].min())


@contextmanager
def one_core() -> Iterator[None]:
    """This process and those it starts stay on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
