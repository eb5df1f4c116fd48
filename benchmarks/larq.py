"""larq-compute-engine in an environment of its own, which is made where the package can be installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shapes import Shape

ENVIRONMENT = Path(__file__).resolve().parents[1] / ".venv-larq"
PACKAGES = ("larq-compute-engine==0.16.0", "numpy<2")  # its interpreter reads arrays as NumPy 1 lays them out
WORKER = Path(__file__).parent / "larq_worker.py"
KERNELS = ("default", "indirect")
OUTPUTS = ("packed", "float")


class CannotInstall(Exception):
    """Why there is no larq-compute-engine here."""


def python() -> Path:
    """The interpreter of the environment; CannotInstall with what pip says last."""
    interpreter, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    if stamp.is_file():
        return interpreter
    commands = (
        [sys.executable, "-m", "venv", str(ENVIRONMENT)],
        [str(interpreter), "-m", "pip", "install", "--quiet", *PACKAGES],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CannotInstall((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    stamp.touch()
    return interpreter


@contextmanager
def worker(shape: Shape, kernel: str, output: str) -> Iterator[Callable[[int], float]]:
    """A convolution of it in a process of its own, as a function: the mean of some runs in seconds."""
    sizes = (shape.size, shape.inputs, shape.outputs, shape.kernel, shape.stride)
    command = [str(python()), str(WORKER), *map(str, sizes), kernel, output]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def take(repetitions: int) -> float:
            print(repetitions, file=requests, flush=True)
            return float(answers.readline())

        yield take
        requests.close()
