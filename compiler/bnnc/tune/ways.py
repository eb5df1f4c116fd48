"""By what candidates are measured, as the command line says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bnnc.errors import BnncError
from bnnc.executors.registry import BuildTarget, check_runs_here
from bnnc.tune.meters import EmulatedMeter, Meter, WallclockMeter
from bnnc.tune.rpc import connected, parse_place

_WAYS = "give emulated, host or rpc:HOST:PORT[:KEY]"


@contextmanager
def meter_of(target: BuildTarget, way: str | None) -> Iterator[Meter]:
    """The meter for a target; unless told an emulated core for arm, and this machine for host.

    BnncError when there is no such way, when the target cannot be measured by it, or nobody answers.
    """
    match way or ("emulated" if target.kind == "arm" else "host"):
        case "emulated" if target.kind != "arm":
            raise BnncError.at("--tune-with emulated", "only target arm is emulated", "leave it out")
        case "emulated":
            yield EmulatedMeter()
        case "host" if target.kind != "host":
            raise BnncError.at("--tune-with host", "this machine does not run target arm", "leave it out")
        case "host":
            check_runs_here(target.cpu)
            yield WallclockMeter()
        case str(text) if text.startswith("rpc:"):
            with connected(parse_place(text), target) as meter:
                yield meter
        case text:
            raise BnncError.at(f"--tune-with {text}", "there is no such way to measure", _WAYS)
