"""Executor "hls": the emitted HLS C++ as a program of this machine."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from bnnc.errors import BnncError
from bnnc.executors.registry import Progress
from bnnc.hls.csim import compile_project
from bnnc.hls.project.lint import check
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parts import core_input, core_result
from bnnc.resources import templates

CHUNK = 16  # samples between two reports of progress


class HlsExecutor:
    """Runs a project that `hls.build` wrote for `graph`. `workspace` keeps the compiled program.

    What HLS tools refuse is refused here as well, before it is compiled.
    """

    name = "hls"
    how = "C++ simulation"

    def __init__(self, project: Path, graph: Graph, workspace: Path | None = None) -> None:
        self._project, self._graph = project, graph
        self._temporary = tempfile.TemporaryDirectory(prefix="bnnc-hls-")
        self._program = self._compiled(workspace or Path(self._temporary.name))

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """codes (N, *shape of core_input) to raw integers (N, *shape of core_result)."""
        parts = [self._run_chunk(codes[at : at + CHUNK], progress) for at in range(0, len(codes), CHUNK)]
        result = core_result(self._graph).type
        empty = np.zeros((0, *result.shape), result.elem.dtype)
        return np.concatenate([empty, *parts]).astype(result.elem.dtype)

    def _run_chunk(self, codes: Array, progress: Progress | None) -> Array:
        folder = Path(self._temporary.name)
        dtype = core_input(self._graph).elem.dtype
        (folder / "codes").write_bytes(np.ascontiguousarray(codes, dtype).tobytes())
        command = [str(self._program), str(folder / "codes"), str(folder / "raw"), str(len(codes))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or done.stdout:
            raise BnncError.at(str(self._project), f"the C++ fails: {done.stdout}{done.stderr}".strip())
        if progress:
            progress(len(codes))
        raw = np.frombuffer((folder / "raw").read_bytes(), np.int32)
        return raw.reshape(len(codes), *core_result(self._graph).type.shape)

    def _compiled(self, folder: Path) -> Path:
        program = folder / "hls_driver"
        if not program.exists():
            check(self._project)
            source = Path(self._temporary.name) / "driver.cpp"
            source.write_text(self._driver(), encoding="utf-8")
            compile_project(self._project, [source], program)
        return program

    def _driver(self) -> str:
        bench = next((self._project / "tb").glob("*_tb.cpp"), None)
        if bench is None:
            raise BnncError.at(str(self._project), "there is no HLS project in it", "compile it again")
        name = bench.name.removesuffix("_tb.cpp")
        dtype = core_input(self._graph).elem.dtype
        template = templates("hls").get_template("driver.cpp.j2")
        memories = sorted(path.stem for path in (self._project / "weights").glob("*.npy"))
        return template.render(
            name=name,
            top=f"{name}_top",
            code_type=f"{dtype.name}_t",
            code_bits=8 * dtype.itemsize,
            memories=memories,
        )
