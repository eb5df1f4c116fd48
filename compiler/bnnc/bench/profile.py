"""The figures of a network and of each of its layers, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bnnc.arm.build import program_stages
from bnnc.bench import mca
from bnnc.bench.compiled import Compiled, compiled_network, layer_numbers
from bnnc.bench.emulated import Counted, count
from bnnc.bench.mca import Loop, Tools
from bnnc.bench.wallclock import Timed, time_kernels
from bnnc.errors import BnncError
from bnnc.executors.network import Network
from bnnc.executors.registry import check_runs_here
from bnnc.report.layers import macs


@dataclass(frozen=True)
class LayerFigures:
    """One layer, which one kernel computes: `ops` are its operations. What was not measured is None.

    `share` and `host_share` are parts of the network's instructions and of the time of its kernels.
    """

    name: str
    ops: tuple[str, ...]
    macs: int
    instructions: int | None
    instructions_per_128_macs: float | None
    share: float | None
    cycles: int | None
    inner_loop: Loop | None
    host_seconds: float | None
    host_share: float | None
    arena_bytes: int
    weight_bytes: int


@dataclass(frozen=True)
class Profile:
    """A network on `target` and `cpu`; `host_seconds` are those of `host_cpu`, of one inference as a whole.

    `instructions` are those of one inference in an emulated core, `cycles` are estimated on llvm-mca's model
    `cycle_model`. `notes` say how, and why something was left out.
    """

    name: str
    target: str
    cpu: str
    threads: int
    macs: int
    instructions: int | None
    instructions_per_128_macs: float | None
    instructions_outside_layers: int | None
    cycles: int | None
    cycle_model: str | None
    host_cpu: str | None
    host_seconds: float | None
    arena_bytes: int
    weight_bytes: int
    layers: tuple[LayerFigures, ...]
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class _Measured:
    """What the sources of figures gave, before it is put together."""

    counted: Counted | None
    cycles: Sequence[tuple[float, Loop | None]] | None
    timed: Timed | None
    timed_as: Sequence[int | None]  # for each kernel its number in the host's program


def measure(network: Network, kind: str, cpu: str | None, runs: int, threads: int | None = None) -> Profile:
    """Compile the network where that has not been done, run it, and count."""
    program = compiled_network(network, kind, cpu, threads)
    notes: list[str] = []
    counted = count(program) if kind == "arm" else None
    tools, core = _mca_for(program, counted, notes)
    estimated = mca.estimate(counted, tools, core) if counted and tools else None
    host, timed = _timed(network, program, runs, notes)
    numbers = layer_numbers(program.functions, host.functions if host else ())
    measured = _Measured(counted, estimated, timed, numbers)
    return _profile(program, host, measured, f"{core} of llvm-mca {tools.version}" if tools else None, notes)


def _mca_for(program: Compiled, counted: Counted | None, notes: list[str]) -> tuple[Tools | None, str]:
    cpu = program.manifest.cpu
    if counted is None:
        notes.append("no instructions and no cycles: those are counted for target arm")
        return None, ""
    if cpu not in mca.CORES:
        notes.append(f"no cycles: llvm-mca has no model of {cpu}")
        return None, ""
    tools = mca.find_tools()
    if tools is None:
        notes.append(f"no cycles: llvm-mca and llvm-mc {mca.OLDEST} or newer are not installed")
    else:
        notes.append(f"cycles: {mca.METHOD}")
    return tools, mca.CORES[cpu]


def _timed(
    network: Network, program: Compiled, runs: int, notes: list[str]
) -> tuple[Compiled | None, Timed | None]:
    """The host's program and its times; none where this machine has no compiler or cannot run it."""
    try:
        host = program
        if program.manifest.target != "host":
            host = compiled_network(network, "host", None, program.threads)
        check_runs_here(host.manifest.cpu)
        timed = time_kernels(host, runs)
    except BnncError as error:
        notes.append(f"no wall-clock times: {error}")
        return None, None
    cores = f"{host.threads} cores" if host.threads > 1 else "one core"
    what = f"medians of {timed.runs} runs on {cores} of this machine"
    notes.append(f"wall-clock times: {what}; those of layers contain a reading of the clock")
    return host, timed


def _profile(
    program: Compiled, host: Compiled | None, measured: _Measured, model: str | None, notes: Sequence[str]
) -> Profile:
    counted, timed, details = measured.counted, measured.timed, program.manifest.details
    layers = _layers(program, measured)
    total, instructions = sum(layer.macs for layer in layers), counted.instructions if counted else None
    inside = sum(layer.instructions or 0 for layer in layers)
    return Profile(
        name=program.graph.name,
        target=program.manifest.target,
        cpu=program.manifest.cpu,
        threads=program.threads,
        macs=total,
        instructions=instructions,
        instructions_per_128_macs=_per_128(instructions, total),
        instructions_outside_layers=None if instructions is None else instructions - inside,
        cycles=sum(layer.cycles or 0 for layer in layers) if measured.cycles else None,
        cycle_model=model,
        host_cpu=host.manifest.cpu if host else None,
        host_seconds=timed.whole if timed else None,
        arena_bytes=details["arena_bytes"],
        weight_bytes=details["weight_bytes"],
        layers=layers,
        notes=tuple(notes),
    )


def _layers(program: Compiled, measured: _Measured) -> tuple[LayerFigures, ...]:
    stages, sizes = program_stages(program.graph), program.manifest.details["stages"]
    found = []
    for number, (stage, size) in enumerate(zip(stages, sizes, strict=True)):
        work = sum(map(macs, stage.ops))
        instructions = measured.counted.kernels[number].instructions if measured.counted else None
        cycles, loop = measured.cycles[number] if measured.cycles else (None, None)
        seconds, host_share = _host(measured, number)
        found.append(
            LayerFigures(
                name=size["layer"],
                ops=tuple(size["ops"]),
                macs=work,
                instructions=instructions,
                instructions_per_128_macs=_per_128(instructions, work),
                share=instructions / measured.counted.instructions
                if instructions and measured.counted
                else None,
                cycles=None if cycles is None else round(cycles),
                inner_loop=loop,
                host_seconds=seconds,
                host_share=host_share,
                arena_bytes=size["arena_bytes"],
                weight_bytes=size["weight_bytes"],
            )
        )
    return tuple(found)


def _host(measured: _Measured, number: int) -> tuple[float | None, float | None]:
    place = measured.timed_as[number]
    if measured.timed is None or place is None:
        return None, None
    seconds = measured.timed.kernels[place]
    return seconds, seconds / sum(measured.timed.kernels)


def _per_128(instructions: int | None, work: int) -> float | None:
    return 128 * instructions / work if instructions is not None and work else None
