"""Opens the executors of a network: builds it in the cache, and parts of it in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnnc.errors import BnncError, errors_within
from bnnc.executors import cache
from bnnc.executors.build import build_executor, open_built
from bnnc.executors.network import Network, graph_digest
from bnnc.executors.registry import Executor, build_target
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parts import core_result

if TYPE_CHECKING:
    from bnnc.executors.source import SourceExecutor


@dataclass(frozen=True)
class Workshop:
    """The executors of one network. `built` holds compiled folders by target; it grows."""

    network: Network
    temporary: Path
    built: dict[str, Path] = field(default_factory=dict)

    def open(self, name: str, graph: Graph) -> Executor:
        """The executor of `graph`, which is the network's own or a part of it."""
        if name == "sim":
            from bnnc.executors.sim import SimExecutor

            return SimExecutor(graph)
        folder = self._whole(name) if graph is self.network.graph else self._part(name, graph)
        return open_built(name, graph, folder, self.network.cache)

    def source(self) -> SourceExecutor:
        """onnxruntime on the source model."""
        if not self.network.archive.onnx:
            remedy = "leave `source` out, or give the .onnx file"
            raise BnncError.at(str(self.network.path), "the source model is not in this archive", remedy)
        from bnnc.executors.source import SourceExecutor

        with errors_within(self.network.path):
            return SourceExecutor(self.network.archive.onnx)

    def no_answers(self) -> Array:
        """The raw integers of an empty batch."""
        result = core_result(self.network.graph).type
        return np.zeros((0, *result.shape), result.elem.dtype)

    def _whole(self, name: str) -> Path:
        if name not in self.built:
            chosen, graph = build_target(name), self.network.graph
            parts = {"what": "built", "target": repr(chosen), "graph": graph_digest(graph)}
            with errors_within(self.network.path):
                made = cache.entry(self.network.cache, parts, partial(build_executor, graph, chosen))
            self.built[name] = made
        return self.built[name]

    def _part(self, name: str, graph: Graph) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.temporary))
        build_executor(graph, build_target(name), folder)
        return folder


@contextmanager
def open_workshop(network: Network, built: Mapping[str, Path] | None = None) -> Iterator[Workshop]:
    """The workshop of a network with folders `built` by target; a compiled folder serves its own target."""
    own = {network.manifest.target: network.path} if network.manifest else {}
    with tempfile.TemporaryDirectory(prefix="bnnc-") as temporary:
        yield Workshop(network, Path(temporary), {**own, **(built or {})})
