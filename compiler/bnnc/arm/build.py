"""From a packed graph to a CPU program: kernels, C around them, a library and an executable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from bnnc.arm.layout import Layout, lay_out, share
from bnnc.arm.project import Project, object_of, project, write_sources
from bnnc.arm.sizes import StageSize, stage_sizes
from bnnc.arm.stored import StoredLayer, store_constants
from bnnc.arm.toolchain import Toolchain, cross_toolchain, native_toolchain
from bnnc.ir.graph import Graph
from bnnc.schedule.memory import aligned, plan
from bnnc.schedule.stages import Stage, stages
from bnnc.storage.layer import Part
from bnnc.targets import Target


@dataclass(frozen=True)
class Kernels:
    """Compiled stages: one object file; constants and scratch bytes of every stage, in their order.

    `parts` are the arrays among the constants, if they are known. Functions that `are_shared` are called by
    each of `threads`, with as much scratch memory each.
    """

    object_file: bytes
    constants: tuple[bytes, ...]
    scratch_bytes: tuple[int, ...]
    parts: tuple[tuple[Part, ...], ...] = ()
    are_shared: tuple[bool, ...] = ()
    threads: int = 1

    @property
    def all_scratch_bytes(self) -> tuple[int, ...]:
        """The scratch memory of all threads."""
        if self.threads == 1:
            return self.scratch_bytes
        sizes = zip(self.scratch_bytes, self.are_shared, strict=True)
        return tuple(self.threads * aligned(size) if shared else size for size, shared in sizes)


@dataclass(frozen=True)
class Built:
    """What was built. `library` is loaded in-process (host only); `program` is the executable.

    `layers` says how constants are stored, where they are compressed; `stages` what each kernel takes.
    """

    name: str
    program: str
    archive: str
    library: str
    arena_bytes: int
    weight_bytes: int
    threads: int = 1
    layers: tuple[StoredLayer, ...] = ()
    stages: tuple[StageSize, ...] = ()


def build(
    graph: Graph,
    target: Target,
    out: Path,
    compress: str = "none",
    threads: int = 1,
    choices: Mapping[str, str] = MappingProxyType({}),
) -> Built:
    """Fill the empty folder `out`. The same input gives the same bytes. `compress`: none or huffman.

    choices: see `compile_kernels`.
    Raises BnncError when there is no compiler, before anything costly is done.
    """
    tools = toolchain(target)
    steps = program_stages(graph)
    kernels = compile_kernels(steps, target, threads, choices)
    return assemble(graph, steps, kernels, target, tools, out, compress)


def toolchain(target: Target) -> Toolchain:
    """The compiler and archiver for a target; BnncError with what to install when there is none."""
    return native_toolchain() if target.kind == "host" else cross_toolchain(target.triple)


def program_stages(graph: Graph) -> tuple[Stage, ...]:
    """The stages of a graph, their functions named so that several networks fit into one program."""
    name = project(graph).name
    return tuple(replace(stage, name=f"{name}_{stage.name}") for stage in stages(graph))


def compile_kernels(
    steps: Sequence[Stage],
    target: Target,
    threads: int = 1,
    choices: Mapping[str, str] = MappingProxyType({}),
) -> Kernels:
    """Machine code of the stages; TVM is loaded here. choices: names of candidates by those of stages."""
    from bnnc.arm.codegen import compile_stages

    done = compile_stages(steps, target, threads, choices)
    return Kernels(
        done.object_file,
        tuple(function.constants for function in done.functions),
        tuple(function.scratch_bytes for function in done.functions),
        tuple(function.parts for function in done.functions),
        tuple(function.is_shared for function in done.functions),
        threads,
    )


def assemble(
    graph: Graph,
    steps: Sequence[Stage],
    kernels: Kernels,
    target: Target,
    tools: Toolchain,
    out: Path,
    compress: str = "none",
) -> Built:
    """Write the sources beside the kernels, compile and link them."""
    files = project(graph, compress, target.is_freestanding, kernels.threads)
    if kernels.threads > 1:
        tools = replace(tools, libraries=(*tools.libraries, "-pthread"))
    stored = store_constants(steps, kernels.constants, kernels.parts, compress)
    memory = plan(steps, kernels.all_scratch_bytes)
    layout = share(lay_out(graph, steps, memory, stored), kernels.scratch_bytes, kernels.are_shared)
    (out / files.kernels).write_bytes(kernels.object_file)
    write_sources(graph, layout, tools, out, files)
    library = _compile_and_link(files, target, tools, out)
    sizes = stage_sizes(steps, memory, kernels.all_scratch_bytes, kernels.constants)
    return replace(_built(files, layout, library), layers=stored.layers, stages=sizes)


def _compile_and_link(files: Project, target: Target, tools: Toolchain, out: Path) -> str:
    """Returns the name of the shared library, which only this machine's own target has."""
    for source in (*files.library, *files.program):
        tools.compile(out, source, object_of(source))
    objects = [*map(object_of, files.library), files.kernels]
    archive, shared = f"lib{files.name}.a", f"lib{files.name}.so" if target.kind == "host" else ""
    tools.archive(out, objects, archive)
    if shared:
        tools.link(out, objects, shared, "-shared", "-Wl,-Bsymbolic")
    program = [object_of(source) for source in files.program]
    tools.link(out, [*program, archive], files.name, *tools.ldflags)
    for source in (*files.library, *files.program):
        (out / object_of(source)).unlink()
    return shared


def _built(files: Project, layout: Layout, library: str) -> Built:
    archive = f"lib{files.name}.a"
    return Built(
        files.name, files.name, archive, library, layout.arena_bytes, len(layout.weights), files.threads
    )
