"""The sources of a CPU program, written into a folder."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bnnc.arm.layout import Layout
from bnnc.arm.self_test import SAMPLES, digests, n_codes
from bnnc.arm.toolchain import LDFLAGS, Toolchain
from bnnc.edge.converters import order
from bnnc.edge.names import c_string, comment, identifier
from bnnc.edge.source import code_of_step, edge_source
from bnnc.ir.elem import Elem
from bnnc.ir.graph import Graph
from bnnc.ir.parts import core_input, core_result
from bnnc.resources import resource, templates
from bnnc.schedule.memory import ALIGNMENT

RUNTIME = (
    *("bnnc_edge.c", "bnnc_edge.h", "bnnc_main.c", "bnnc_model.h"),
    *("bnnc_npy.c", "bnnc_npy.h", "bnnc_text.c", "bnnc_text.h"),
)
# In programs whose weights are compressed.
BARE = ("bnnc_edge.c", "bnnc_edge.h", "bnnc_memory.c", "bare/string.h")  # without an operating system
POOL = ("bnnc_pool.c", "bnnc_pool.h")  # in programs with threads
DECODER = (
    "bnnc_panels.c",
    "bnnc_sparse.c",
    "bnnc_stream.c",
    "bnnc_stream.h",
    "bnnc_weights.c",
    "bnnc_weights.h",
)


@dataclass(frozen=True)
class Model:
    """What the templates have to know of a network. `code_step` is the distance of neighbouring codes."""

    name: str
    title: str
    input_shape: tuple[int, ...]
    raw_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    code_type: str
    raw_type: str
    output_type: str
    code_elem: str
    raw_elem: str
    code_first: int
    code_last: int
    code_step: int
    input_elements: int
    output_elements: int
    arena_bytes: int
    alignment: int
    has_domain: bool
    rejects: bool
    n_samples: int
    loads: bool
    is_bare: bool
    threads: int

    @property
    def macro(self) -> str:
        """What the macros of the header begin with."""
        return self.name.upper()


@dataclass(frozen=True)
class Project:
    """Sources of a program in its folder: those of the `library`, and what the entry `program` adds.

    `loads`: weights are compressed, and the library has a function that decodes them. `is_bare`: there is no
    operating system; the float edge lies beside the library, and the program is an image for emulators. With
    more than one of `threads` the library has a pool of them.
    """

    name: str
    library: tuple[str, ...]
    program: tuple[str, ...]
    loads: bool
    is_bare: bool = False
    threads: int = 1

    @property
    def kernels(self) -> str:
        """The object file that TVM makes."""
        return f"{self.name}_kernels.o"


def project(graph: Graph, compress: str = "none", is_bare: bool = False, threads: int = 1) -> Project:
    """The names of the sources (compiled) and of the kernels' object file."""
    name, loads = identifier(graph.name), compress != "none"
    decoder = tuple(f"runtime/{file}" for file in DECODER if file.endswith(".c")) if loads else ()
    core = tuple(f"{name}{part}" for part in (".c", "_self_test.c", "_weights.S"))
    if is_bare:
        return Project(name, (*core, "runtime/bnnc_memory.c", *decoder), (f"{name}_image.c",), loads, True)
    pool = ("runtime/bnnc_pool.c",) if threads > 1 else ()
    library = (core[0], f"{name}_edge.c", *core[1:], "runtime/bnnc_edge.c", *decoder, *pool)
    program = (f"{name}_program.c", "runtime/bnnc_main.c", "runtime/bnnc_npy.c", "runtime/bnnc_text.c")
    return Project(name, library, program, loads, threads=threads)


def write_sources(graph: Graph, layout: Layout, tools: Toolchain, folder: Path, files: Project) -> None:
    """Everything but the object file of the kernels."""
    model = describe(graph, layout, files)
    (folder / "weights.bin").write_bytes(layout.weights)
    (folder / "runtime" / ("bare" if files.is_bare else "")).mkdir(parents=True)
    for file in _runtime(files):
        shutil.copyfile(resource("bnnc.runtime", file), folder / "runtime" / file)
    edge = edge_source(graph, model.name, f"{model.name}.h")
    (folder / f"{model.name}_edge.c").write_text(edge, encoding="utf-8")
    for file, template, values in _files(graph, model, layout, tools, files):
        (folder / file).write_text(_render(template, {"m": model, **values}), encoding="utf-8")


def _runtime(files: Project) -> tuple[str, ...]:
    """The files of the runtime that the sources need."""
    decoder, pool = DECODER if files.loads else (), POOL if files.threads > 1 else ()
    return (*(BARE if files.is_bare else RUNTIME), *decoder, *pool)


def describe(graph: Graph, layout: Layout, files: Project) -> Model:
    """The facts of a graph."""
    source, result, output = core_input(graph), core_result(graph), graph.result.type
    return Model(
        name=identifier(graph.name),
        title=graph.name,
        input_shape=source.type.shape,
        raw_shape=result.type.shape,
        output_shape=output.shape,
        code_type=c_type(source.elem),
        raw_type=c_type(result.type.elem),
        output_type=c_type(output.elem),
        code_elem=str(source.elem),
        raw_elem=str(result.type.elem),
        code_first=source.first,
        code_last=source.last,
        code_step=source.unit,
        input_elements=int(np.prod(source.type.shape)),
        output_elements=int(np.prod(result.type.shape)),
        arena_bytes=layout.arena_bytes,
        alignment=ALIGNMENT,
        has_domain=source.values.size > 0,
        rejects=source.reject.size > 0,
        n_samples=SAMPLES,
        loads=files.loads,
        is_bare=files.is_bare,
        threads=files.threads,
    )


def c_type(elem: Elem) -> str:
    """The C type of one unpacked value."""
    return "float" if elem.is_float else f"{elem.dtype.name}_t"


def _files(
    graph: Graph, model: Model, layout: Layout, tools: Toolchain, files: Project
) -> list[tuple[str, str, Mapping[str, object]]]:
    """(file, template, values) of everything that is generated."""
    name = model.name
    program = {
        "domain": _domain(model),
        "samples": _samples(graph),
        "order": order(graph),
        "takes_integers": core_input(graph).is_domain,
    }
    self_test = {
        "digests": [f"UINT64_C({digest})" for digest in digests(graph)],
        "n_codes": n_codes(graph),
        "code": code_of_step(core_input(graph)),
        "codes_offset": layout.input,
        "raw_offset": layout.test_output,
    }
    return [
        (f"{name}.h", "model.h.j2", {}),
        (f"{name}.c", "model.c.j2", {"layout": layout}),
        (f"{name}_self_test.c", "self_test.c.j2", self_test),
        (f"{name}_weights.S", "weights.S.j2", {"digest": hashlib.sha256(layout.weights).hexdigest()}),
        (files.program[0], "image.c.j2" if files.is_bare else "program.c.j2", program),
        ("Makefile", "Makefile.j2", _make_values(files, tools)),
    ]


def _samples(graph: Graph) -> dict[str, str]:
    """C initializers of `struct bnnc_sample` for both ends."""
    shape = graph.result.type.shape
    return {
        "input": _sample(core_input(graph).elem, core_input(graph).type.shape),
        "integers": _sample(core_result(graph).type.elem, shape),
        "output": _sample(graph.result.type.elem, shape),
    }


def _sample(elem: Elem, shape: tuple[int, ...]) -> str:
    sizes = ", ".join(map(str, shape or (0,)))
    kind = f"{elem.dtype.kind.upper()}{8 * elem.dtype.itemsize}"
    return f"{{BNNC_{kind}, {len(shape)}, {{{sizes}}}}}"


def _domain(model: Model) -> str:
    """What a user is told whose sample has no code."""
    codes = f"codes are the integers {model.code_first} to {model.code_last}"
    return codes + (" but 0" if model.code_step == 2 else "")


def _make_values(files: Project, tools: Toolchain) -> dict[str, object]:
    return {
        "cc": tools.shown_cc,
        "ar": tools.shown_ar,
        "cflags": tools.cflags,
        "ldflags": (*LDFLAGS, *tools.ldflags),
        "libraries": tools.libraries,
        "library": (*map(object_of, files.library), files.kernels),
        "program": tuple(map(object_of, files.program)),
    }


def object_of(source: str) -> str:
    """The object file that a source is compiled to."""
    return f"{source.rsplit('.', 1)[0]}.o"


def _render(template: str, values: Mapping[str, object]) -> str:
    environment = templates("arm")
    environment.filters |= {"comment": comment, "c_string": c_string}
    return environment.get_template(template).render(values)
