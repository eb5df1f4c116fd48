"""Networks of one dense layer, and kernels for them that come from a C compiler instead of TVM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bnnc.arm import build as arm
from bnnc.arm.toolchain import Toolchain
from bnnc.ir.edge_ops import EncodeInput, Input, Reshape, ToFloat
from bnnc.ir.elem import I8, Elem, elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import core_input, core_result
from bnnc.ir.source_ops import Add, Mul
from bnnc.schedule.stages import Stage
from bnnc.targets import Target, target

NO_FLOATS = np.zeros((0, 0), np.float32)
HOST = target("host")
ARM = target("arm")


def encoder(x: Op, kind: Elem, first: int, last: int) -> EncodeInput:
    """Rounds to the nearest integer from first to last, any real number."""
    steps = 1 if kind.name == "b1_pm" else last - first
    cuts = (
        np.float32([[0.0]]) if kind.name == "b1_pm" else np.arange(first, last, dtype=np.float32)[None] + 0.5
    )
    assert cuts.shape[1] == steps
    return EncodeInput("in", x, cuts.astype(np.float32), NO_FLOATS, NO_FLOATS, np.float32(1), first, kind)


def dense(
    name: str = "tiny",
    kind: str = "u8",
    features: int = 17,
    outputs: int = 3,
    seed: int = 0,
    layer: str = "fc",
) -> Graph:
    """y = 0.25 * (W x) - 1 with W of i8."""
    rng = np.random.default_rng(seed)
    codes = encoder(Input("x", (features,)), elem(kind), *_range(kind))
    weights = rng.integers(-128, 128, (outputs, 1, 1, features), np.int8)
    core = Conv2d(layer, Reshape("flat", codes, (1, 1, features)), weights, I8)
    scaled = Mul("scale", ToFloat("real", Reshape("vector", core, (outputs,))), np.float32(0.25))
    return Graph(name, Level.PACKED, Add("bias", scaled, np.float32(-1)))


def samples(graph: Graph, count: int, seed: int = 1) -> Array:
    """Legal codes (count, *shape)."""
    source = core_input(graph)
    rng = np.random.default_rng(seed)
    step = 2 if source.elem.name == "b1_pm" else 1
    steps = rng.integers(0, source.cuts.shape[1] + 1, (count, *source.type.shape))
    return (source.first + step * steps).astype(source.elem.dtype)


def build(graph: Graph, out: Path, on: Target = HOST) -> arm.Built:
    """The program of `dense(...)` with stand-in kernels."""
    steps, tools = arm.program_stages(graph), arm.toolchain(on)
    kernels = stand_in(steps, tools, out.parent)
    return arm.assemble(graph, steps, kernels, on, tools, out)


def stand_in(steps: Sequence[Stage], tools: Toolchain, folder: Path) -> arm.Kernels:
    source = folder / "kernels.c"
    source.write_text("#include <stdint.h>\n" + "".join(map(_function, steps)))
    tools.compile(folder, "kernels.c", "kernels.o")
    constants = tuple(_conv(step).weights.tobytes() for step in steps)
    return arm.Kernels((folder / "kernels.o").read_bytes(), constants, tuple(64 for _ in steps))


def _function(step: Stage) -> str:
    conv = _conv(step)
    outputs, features = conv.weights.shape[0], conv.weights[0].size
    kind = f"{conv.x.type.elem.dtype.name}_t"
    return f"""
void {step.name}(const uint8_t *x, uint8_t *y, uint8_t *scratch, const uint8_t *constants);
void {step.name}(const uint8_t *x, uint8_t *y, uint8_t *scratch, const uint8_t *constants) {{
    (void)scratch;
    for (int o = 0; o < {outputs}; o++) {{
        int32_t sum = 0;
        for (int k = 0; k < {features}; k++)
            sum += ((const {kind} *)(const void *)x)[k] * ((const int8_t *)constants)[o * {features} + k];
        ((int32_t *)(void *)y)[o] = sum;
    }}
}}
"""


def _conv(step: Stage) -> Conv2d:
    (op,) = step.ops
    assert isinstance(op, Conv2d)
    return op


def _range(kind: str) -> tuple[int, int]:
    return (-1, 1) if kind == "b1_pm" else (elem(kind).lo, elem(kind).hi)


def result_shape(graph: Graph) -> tuple[int, ...]:
    return core_result(graph).type.shape
