"""Drivers of a project: Python for PYNQ, C for programs without an operating system."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from bnnc.edge.source import edge_source
from bnnc.errors import BnncError
from bnnc.hls.project.numpy_edge import decoder_lines, numbers, order_lines
from bnnc.ir.elem import Elem
from bnnc.ir.graph import Graph
from bnnc.ir.op import tensor_of
from bnnc.ir.parts import core_input, core_result
from bnnc.resources import resource, templates
from bnnc.sim import transcendental
from bnnc.sim.edge import value_tolerance

MAX_TRANSFER_BYTES = 2**26 - 1  # c_sg_length_width of the DMA engine
RUNTIME = ("bnnc_edge.c", "bnnc_edge.h", "bnnc_npy.c", "bnnc_npy.h")
CACHE_LINE = 64


def driver_files(graph: Graph, values: Mapping[str, Any]) -> dict[str, str]:
    """Path in the project -> text. `values` are those of the project's other templates.

    Where the tail of the network cannot be computed beside an accelerator, the Python driver answers
    integers only, and there is none in C.
    """
    values = {**values, **_facts(graph)}
    files = _pynq(graph, values)
    try:
        edge = edge_source(graph, values["name"], f"{values['name']}_driver.h")
    except BnncError:
        return files
    return files | _bare_metal(values, edge)


def _facts(graph: Graph) -> dict[str, Any]:
    """What both drivers say of the ends of the network."""
    encoder, result, output = core_input(graph), core_result(graph), graph.result.type
    sample = max(tensor_of(encoder).size * encoder.elem.dtype.itemsize, 4 * tensor_of(result).size)
    most = MAX_TRANSFER_BYTES // sample
    return {
        "encoder": encoder,
        "in_shape": encoder.type.shape,
        "raw_shape": result.type.shape,
        "raw_dtype": result.type.elem.dtype.name,
        "y_shape": output.shape,
        "output_type": _c_type(output.elem),
        "input": _npy(encoder.elem, encoder.type.shape),
        "output": _npy(output.elem, output.shape),
        "transfer_samples": max(1, most // CACHE_LINE * CACHE_LINE),
    }


def _pynq(graph: Graph, values: dict[str, Any]) -> dict[str, str]:
    lines, undecoded = None, ""
    try:
        lines = decoder_lines(graph)
    except BnncError as error:
        undecoded = str(error)
    uses_functions = any("transcendental." in line for line in lines or [])
    template = _templates().get_template("pynq.py.j2")
    text = template.render(
        values,
        decoder=lines,
        undecoded=undecoded,
        order=order_lines(graph),
        tolerance=value_tolerance(values["encoder"]) if values["encoder"].values.size else None,
        uses_functions=uses_functions,
    )
    files = {f"driver/pynq/{values['name']}_pynq.py": text}
    if uses_functions:
        files["driver/pynq/transcendental.py"] = _functions()
    return files


def _functions() -> str:
    """The simulator's own, which need NumPy only."""
    text = inspect.getsource(transcendental)
    return text.replace("from bnnc.ir.op import Array\n", "Array = np.ndarray\n")


def _bare_metal(values: Mapping[str, Any], edge: str) -> dict[str, str]:
    name = values["name"]
    made = {
        f"{name}_driver.h": "driver.h.j2",
        f"{name}_driver.c": "driver.c.j2",
        "main.c": "main.c.j2",
        "bnnc_file.h": "bnnc_file.h.j2",
    }
    files = {file: _templates().get_template(template).render(values) for file, template in made.items()}
    files |= {file: resource("bnnc.runtime", file).read_text(encoding="utf-8") for file in RUNTIME}
    if values["memories"]:
        files["weights.h"] = templates("hls").get_template("weights.h.j2").render(values)
    files[f"{name}_edge.c"] = edge.replace('"runtime/', '"')
    return {f"driver/baremetal/{file}": text for file, text in files.items()}


def _templates() -> Any:
    environment = templates("hls/drivers")
    environment.filters["numbers"] = numbers
    return environment


def _c_type(elem: Elem) -> str:
    return "float" if elem.is_float else f"{elem.dtype.name}_t"


def _npy(elem: Elem, shape: tuple[int, ...]) -> str:
    """A C initializer of `struct bnnc_npy`, for no samples."""
    kind = f"{elem.dtype.kind.upper()}{8 * elem.dtype.itemsize}"
    return f"{{BNNC_{kind}, {1 + len(shape)}, {{{', '.join(map(str, (0, *shape)))}}}}}"
