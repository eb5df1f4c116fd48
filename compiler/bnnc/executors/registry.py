"""The executors and targets by name: what they have in common, and how each is built and opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.hls.options import HlsOptions
from bnnc.ir.op import Array
from bnnc.targets import Target, cpu_names, target

Progress = Callable[[int], None]
EXECUTORS = ("source", "sim", "host", "arm", "hls")
TARGETS = ("arm", "host", "hls")


class Executor(Protocol):
    """Runs the integer core of a lowered graph."""

    @property
    def name(self) -> str:
        """One of EXECUTORS."""

    @property
    def how(self) -> str:
        """By what means it runs, such as "unicorn"; empty where the name says it all."""

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """codes (N, *shape of core_input) to raw integers (N, *shape of core_result).

        `progress` is told how many samples were finished since it was called last.
        """


@dataclass(frozen=True)
class BuildTarget:
    """What to build for: `processor` is None for hls, of which all is in `hls`. `compress`: none or huffman;
    `threads` of a run. `choices` are names of stages and of the kernels to compute them by, where they were
    tuned.
    """

    kind: str
    processor: Target | None = None
    compress: str = "none"
    threads: int = 1
    hls: HlsOptions = HlsOptions()
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def cpu(self) -> str:
        """The name of the processor, resolved; empty for hls."""
        return self.processor.name if self.processor else ""


def build_target(
    kind: str,
    cpu: str | None = None,
    compress: str = "none",
    threads: int = 1,
    hls: HlsOptions | None = None,
) -> BuildTarget:
    """The target of that name; BnncError with what there is when there is no such target or CPU.

    hls: what only that target knows, None where nothing is asked for.
    """
    match kind:
        case "arm" | "host" if hls is not None:
            what = "it has no part, no clock and no folding"
            raise BnncError.at(f"target {kind}", what, "leave these options out, or give --target hls")
        case "arm" | "host":
            processor = target(kind, cpu)
            if threads > 1 and processor.is_freestanding:
                raise BnncError.at(
                    f"target {kind}", f"{processor.name} has no threads", "leave --threads out"
                )
            return BuildTarget(kind, processor, compress, threads)
        case "hls" if threads > 1:
            raise BnncError.at("target hls", "it has no threads", "leave --threads out")
        case "hls" if cpu:
            raise BnncError.at("target hls", f"it has no CPU {cpu!r}", "leave --cpu out")
        case "hls":
            return BuildTarget(kind, hls=replace(hls or HlsOptions(), compress=compress))
        case _:
            raise BnncError.at("", f"unknown target {kind!r}", f"there are {', '.join(TARGETS)}")


def check_runs_here(cpu: str) -> None:
    """BnncError when this machine cannot execute host programs for `cpu`: they would crash."""
    names, native = cpu_names("host"), target("host").name
    if cpu != native and (cpu not in names or names.index(cpu) > names.index(native)):
        remedy = "run it where it is meant to run, or leave --cpu out"
        raise BnncError.at("target host", f"compiled for CPU {cpu!r}, and this machine is {native!r}", remedy)


def check_executors(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once and in the order of EXECUTORS; BnncError for those that are none."""
    wanted = [name.strip() for name in names if name.strip()]
    remedy = f"there are {', '.join(EXECUTORS)}"
    raise_all([Finding("", f"unknown executor {name!r}", remedy) for name in wanted if name not in EXECUTORS])
    if not wanted:
        raise BnncError.at("", "no executor is named", remedy)
    return tuple(name for name in EXECUTORS if name in wanted)
