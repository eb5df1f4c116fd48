"""Runs the `bnnc` program and measures it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BNNC = (sys.executable, "-m", "bnnc")


@dataclass(frozen=True)
class Measured:
    """Wall-clock seconds, and the peak resident memory of the largest process of the command."""

    seconds: float
    peak_bytes: int
    output: str


def bnnc(*arguments: str | Path, core: int | None = None) -> Measured:
    """Run one command, on one CPU core where `core` says so. SystemExit with its output when it fails."""
    start = time.monotonic()
    process = subprocess.Popen(
        [*BNNC, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"bnnc {' '.join(map(str, arguments))}\n{output}")
    return Measured(time.monotonic() - start, usage.ru_maxrss * 1024, output)
