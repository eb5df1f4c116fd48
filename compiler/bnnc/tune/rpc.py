"""Measures candidates on a board that runs TVM's RPC server, named itself or by a tracker of many boards."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bnnc.bench.compiled import Compiled
from bnnc.errors import BnncError
from bnnc.executors.registry import BuildTarget
from bnnc.ir.op import Array
from bnnc.schedule.stages import stages
from bnnc.tune.log import Unit
from bnnc.tune.meters import TURNS

TURN_MS = 20  # of a kernel, by repetition
_CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Place:
    """An RPC server or, with a `key` that boards are known by, a tracker."""

    host: str
    port: int
    key: str = ""

    def __str__(self) -> str:
        return ":".join(("rpc", self.host, str(self.port), *filter(None, [self.key])))


class RpcMeter:
    """Seconds of kernels on a board: the shortest of several turns."""

    unit: Unit = "seconds"
    margin = 0.02

    def __init__(self, place: Place, session: Any) -> None:
        self._place, self._session = place, session

    def measure(self, programs: Sequence[Compiled]) -> Array:
        """float64 (programs, kernels)."""
        with _refusals(self._place, "the board failed"):
            modules = [self._loaded(program, f"bnnc_{i}.so") for i, program in enumerate(programs)]
            turns = [
                [self._turn(module, len(programs[0].functions)) for module in modules] for _ in range(TURNS)
            ]
        shortest: Array = np.array(turns).min(axis=0)
        return shortest

    def _loaded(self, program: Compiled, name: str) -> Any:
        """The library of a program on the board, after one inference."""
        with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
            library = program.link_library("remote.c.j2", Path(folder), _values(program))
            self._session.upload(str(library), name)
        module = self._session.load_module(name)
        status = module["bnnc_run"]()
        if status != 0:
            raise BnncError.at(str(self._place), f"an inference on the board ended with {status}")
        return module

    def _turn(self, module: Any, n_kernels: int) -> list[float]:
        names = (f"bnnc_kernel_{i}" for i in range(n_kernels))
        timers = (module.time_evaluator(n, self._session.cpu(), 1, 1, min_repeat_ms=TURN_MS) for n in names)
        return [float(timer().results[0]) for timer in timers]


def parse_place(text: str) -> Place:
    """rpc:HOST:PORT or rpc:HOST:PORT:KEY; BnncError for anything else."""
    match text.split(":"):
        case ["rpc", host, port, *rest] if (
            host and port.isdigit() and 0 < int(port) < 2**16 and len(rest) < 2
        ):
            return Place(host, int(port), *rest)
        case _:
            raise BnncError.at(
                f"--tune-with {text}", "not a board", "give rpc:HOST:PORT or rpc:HOST:PORT:KEY"
            )


@contextmanager
def connected(place: Place, target: BuildTarget) -> Iterator[RpcMeter]:
    """The meter of a board; of one at a tracker for as long as the block lasts."""
    assert target.processor is not None
    if target.processor.is_freestanding:
        raise BnncError.at(
            f"target {target.kind}", f"{target.cpu} runs no RPC server", "leave --tune-with out"
        )
    if target.threads > 1:
        raise BnncError.at(str(place), "kernels are measured on one thread there", "leave --threads out")
    _check_reachable(place)
    with _refusals(place, "there is no RPC server of TVM"):
        session = _session(place)
    yield RpcMeter(place, session)


def _check_reachable(place: Place) -> None:
    """TVM would try again and again."""
    try:
        socket.create_connection((place.host, place.port), _CONNECT_SECONDS).close()
    except OSError as error:
        what = f"nobody answers ({error.strerror or error})"
        remedy = "start python3 -m tvm.exec.rpc_server (rpc_tracker with a key) there"
        raise BnncError.at(str(place), what, remedy) from error


def _session(place: Place) -> Any:
    from tvm import rpc

    if not place.key:
        return rpc.connect(place.host, place.port)
    tracker = rpc.connect_tracker(place.host, place.port)
    known = sorted({server["key"].removeprefix("server:") for server in tracker.summary()["server_info"]})
    if place.key not in known:
        there = f"there are {', '.join(known)}" if known else "start rpc_server --tracker HOST:PORT --key KEY"
        raise BnncError.at(str(place), f"the tracker has no board {place.key!r}", there)
    return tracker.request(place.key)


@contextmanager
def _refusals(place: Place, what: str) -> Iterator[None]:
    """TVM raises RuntimeError for what the other side says and does not say."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        [*_, last] = str(error).splitlines() or [type(error).__name__]
        raise BnncError.at(str(place), f"{what} ({last})") from error


def _values(program: Compiled) -> dict[str, object]:
    """What the template has to know; all inputs are one code, kernels take as long for any."""
    kernels = [
        {"name": function, "number": number, "arity": len(stage.inputs)}
        for number, (function, stage) in enumerate(zip(program.functions, stages(program.graph), strict=True))
    ]
    loads = "layers" in program.manifest.details
    return {"kernels": kernels, "loads": loads, "code": int(program.sample().min())}
