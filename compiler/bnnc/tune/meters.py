"""What candidates are measured by: programs of one network that differ in their choices."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from bnnc.bench.compiled import Compiled
from bnnc.bench.emulated import count
from bnnc.bench.wallclock import Stopwatch
from bnnc.ir.op import Array
from bnnc.tune.log import Unit

TURNS = 7  # of every program, one after another: what disturbs a moment disturbs one turn of each
# Short windows, some of which no other process interrupts, and many of them.
WINDOWS, WINDOW_SECONDS = 20, 0.001


class Meter(Protocol):
    """Measures every kernel of programs."""

    @property
    def unit(self) -> Unit: ...

    @property
    def margin(self) -> float:
        """By which share something has to be better before it counts."""

    def measure(self, programs: Sequence[Compiled]) -> Array:
        """float64 (programs, kernels): what each kernel takes in one inference."""


class EmulatedMeter:
    """Instructions, counted in an emulated core."""

    unit: Unit = "instructions"
    margin = 0.0

    def measure(self, programs: Sequence[Compiled]) -> Array:
        """float64 (programs, kernels)."""
        return np.array(
            [[k.instructions for k in count(program).kernels] for program in programs], np.float64
        )


class WallclockMeter:
    """Seconds on this machine: the shortest of several turns."""

    unit: Unit = "seconds"
    margin = 0.02

    def measure(self, programs: Sequence[Compiled]) -> Array:
        """float64 (programs, kernels)."""
        with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
            watches = [_watch(program, Path(folder) / str(i)) for i, program in enumerate(programs)]
            once = float(watches[0].take(3, 1)[:, 0].min())
            repetitions = max(1, int(WINDOW_SECONDS / once))
            turns = [
                [watch.take(WINDOWS, repetitions)[:, 1:].min(axis=0) for watch in watches]
                for _ in range(TURNS)
            ]
        shortest: Array = np.array(turns).min(axis=0)
        return shortest


def _watch(program: Compiled, folder: Path) -> Stopwatch:
    folder.mkdir()
    return Stopwatch(program, folder)
