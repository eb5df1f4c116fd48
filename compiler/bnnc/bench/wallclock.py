"""Wall-clock time of every kernel of a host program, in a process of its own with a core a thread."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bnnc.bench.compiled import Compiled
from bnnc.errors import BnncError
from bnnc.ir.op import Array
from bnnc.schedule.stages import stages

SECONDS = (
    0.02  # that a measured run lasts at least, by repetition: the clock and its calls are small beside it
)


@dataclass(frozen=True)
class Timed:
    """Seconds, medians of `runs`: a whole inference, and each of its kernels."""

    whole: float
    kernels: tuple[float, ...]
    runs: int


class Stopwatch:
    """The program of a compiled network that times its kernels, in a folder that has to stay."""

    def __init__(self, compiled: Compiled, folder: Path) -> None:
        self._codes = compiled.sample().tobytes()
        self._program = compiled.link("timed.c.j2", folder, _values(compiled))
        self._threads = compiled.threads

    def take(self, runs: int, repetitions: int) -> Array:
        """Seconds (runs, 1 + kernels): a whole inference, its kernels; each a mean over the repetitions."""
        command = [str(self._program), str(runs), str(repetitions)]
        place = partial(_stay_on, self._threads)
        done = subprocess.run(command, input=self._codes, capture_output=True, preexec_fn=place, check=False)
        if done.returncode != 0:
            raise BnncError.at("target host", f"the program that is measured ended with {done.returncode}")
        return np.array([line.split() for line in done.stdout.splitlines()], np.float64) / 1e9


def time_kernels(compiled: Compiled, runs: int) -> Timed:
    """Runs one sample again and again."""
    with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
        watch = Stopwatch(compiled, Path(folder))
        once = float(watch.take(3, 1)[:, 0].min())
        table = watch.take(runs, max(1, int(SECONDS / once)))
    whole, *kernels = np.median(table, axis=0)
    return Timed(float(whole), tuple(map(float, kernels)), runs)


def _values(compiled: Compiled) -> dict[str, object]:
    """What the template has to know."""
    kernels = [
        {
            "name": function,
            "number": number,
            "arity": len(stage.inputs),
            "is_shared": is_shared,
        }
        for number, (function, stage, is_shared) in enumerate(
            zip(compiled.functions, stages(compiled.graph), compiled.are_shared, strict=True)
        )
    ]
    return {"kernels": kernels, "threads": compiled.threads, "loads": "layers" in compiled.manifest.details}


def _stay_on(n_cores: int) -> None:
    """The last cores that this process may use; the first one tends to serve interrupts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-n_cores:])
