"""The program that is measured: a compiled folder, or a model that is compiled into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bnnc.arm.build import toolchain
from bnnc.arm.toolchain import Toolchain
from bnnc.edge.names import identifier
from bnnc.errors import BnncError
from bnnc.executors import cache
from bnnc.executors.compile import compile_network
from bnnc.executors.manifest import Manifest, read_manifest
from bnnc.executors.network import Network, graph_digest
from bnnc.executors.registry import BuildTarget, build_target
from bnnc.executors.samples import generated_samples
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.resources import templates
from bnnc.schedule.stages import stages
from bnnc.sim.edge import encode
from bnnc.targets import Target, cpu_names


@dataclass(frozen=True)
class Compiled:
    """A CPU program in its folder, and the graph that it was made from."""

    folder: Path
    manifest: Manifest
    graph: Graph

    @property
    def name(self) -> str:
        """What its C names begin with."""
        return identifier(self.graph.name)

    @property
    def processor(self) -> Target:
        """The processor that it runs on."""
        processor = build_target(self.manifest.target, self.manifest.cpu).processor
        assert processor is not None
        return processor

    @property
    def functions(self) -> tuple[str, ...]:
        """The kernels in the order of their calls."""
        return tuple(stage["function"] for stage in self.manifest.details["stages"])

    @property
    def are_shared(self) -> tuple[bool, ...]:
        """For each kernel whether threads share it."""
        source = (self.folder / f"{self.name}.c").read_text(encoding="utf-8")
        return tuple(f"void share_{function}(" in source for function in self.functions)

    @property
    def threads(self) -> int:
        """How many share the work of a run."""
        return int(self.manifest.details.get("threads", 1))

    def sample(self) -> Array:
        """Codes (1, *device input) of a generated sample."""
        return encode(self.graph, generated_samples(self.graph, 1))

    def link(self, template: str, folder: Path, values: dict[str, object]) -> Path:
        """A program out of a template of ours and the library of this one."""
        tools = self._toolchain()
        flags = (*tools.ldflags, *(["-pthread"] if self.threads > 1 else []))
        tools.link(folder.resolve(), self._objects(template, folder, values), "bench", *flags)
        return folder / "bench"

    def link_library(self, template: str, folder: Path, values: dict[str, object]) -> Path:
        """The same as a shared library, which takes what it needs of C from the process that loads it."""
        tools = replace(self._toolchain(), libraries=())
        flags = ("-shared", "-nostdlib", "-Wl,-Bsymbolic")
        tools.link(folder.resolve(), self._objects(template, folder, values), "bench.so", *flags)
        return folder / "bench.so"

    def _objects(self, template: str, folder: Path, values: dict[str, object]) -> list[str]:
        """A compiled template in the folder, and the library."""
        text = templates("arm").get_template(template).render({"name": self.name, **values})
        (folder / "bench.c").write_text(text, encoding="utf-8")
        source = folder.resolve()
        self._toolchain().compile(self.folder.resolve(), str(source / "bench.c"), str(source / "bench.o"))
        return ["bench.o", str(self.folder.resolve() / f"lib{self.name}.a")]

    def _toolchain(self) -> Toolchain:
        return toolchain(self.processor)


def compiled_network(network: Network, kind: str, cpu: str | None, threads: int | None = None) -> Compiled:
    """The network's own folder if it was compiled for that target, else one in the cache, for one thread.

    BnncError when a folder is of another CPU or number of threads than is asked for.
    """
    manifest = network.manifest
    if not stages(network.graph):
        raise BnncError.at(str(network.path), "the network has no layers, there is nothing to measure")
    if manifest is None or manifest.target != kind:
        return _in_cache(network, build_target(kind, cpu, threads=threads or 1))
    wrong = None
    if cpu and build_target(kind, cpu).cpu != manifest.cpu:
        wrong = (f"it was compiled for {manifest.cpu}, not {cpu}", "leave --cpu out, or give the model")
    elif threads not in (None, manifest.details.get("threads", 1)):
        wrong = (f"it was not compiled for {threads} threads", "leave --threads out, or give the model")
    elif "stages" not in manifest.details:
        wrong = ("it does not say what its kernels are", "compile it again")
    if wrong:
        raise BnncError.at(str(network.path), *wrong)
    return Compiled(network.path, manifest, network.graph)


def target_kind(network: Network, kind: str | None, cpu: str | None) -> str:
    """The target to measure: as asked for, that of a compiled folder, that of the CPU, arm."""
    own = network.manifest.target if network.manifest else None
    host = cpu in cpu_names("host") and cpu not in cpu_names("arm")
    chosen = kind or own or ("host" if host else "arm")
    if chosen == "hls":
        raise BnncError.at("target hls", "it has no instructions", "compile for arm or host")
    return chosen


def _in_cache(network: Network, target: BuildTarget) -> Compiled:
    graph = network.graph
    parts = {"what": "measured", "target": repr(target), "graph": graph_digest(graph, network.archive.onnx)}
    make = partial(_compile, network, target)
    folder = cache.entry(network.cache, parts, make)
    return Compiled(folder, read_manifest(folder), graph)


def _compile(network: Network, target: BuildTarget, folder: Path) -> None:
    compile_network(network, target, generated_samples(network.graph, 1), folder)


def layer_numbers(names: Sequence[str], others: Sequence[str]) -> list[int | None]:
    """For each kernel the number of the kernel of the same name in another program."""
    numbers = {name: number for number, name in enumerate(others)}
    return [numbers.get(name) for name in names]
