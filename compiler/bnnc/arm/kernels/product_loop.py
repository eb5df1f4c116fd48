"""Inner loops over products of bytes, each brought into a kernel as one block of assembly.

    void name(int32_t *sums, const int8_t *x, const int8_t *weights, const int32_t *bias, int64_t steps)

writes sums (pixels, width) = bias + the products of `pixels` rows of the map with the weights of `width`
output channels. A loop names the registers that it uses, so that nothing of it can be put on the stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, View, cast
from bnnc.ir.op import Array


class ProductLoop(Protocol):
    """A tile of `pixels` and `width` output channels over `depth` products an output.

    The map is int8 with rows of `row_bytes`, or uint8 where `unsigned`; the first `read_bytes` of a row are
    read, at least `depth`: whatever is behind the depth does not matter. Weights of an output lie together in
    runs of `run`.
    """

    @property
    def pixels(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def depth(self) -> int: ...

    @property
    def read_bytes(self) -> int: ...

    @property
    def run(self) -> int: ...

    @property
    def fits(self) -> bool:
        """Whether there are registers enough."""

    @property
    def unsigned(self) -> bool: ...

    @property
    def instructions(self) -> int:
        """Of one call."""

    def arranged(self, weights: Array) -> Array:
        """int8 (O, depth) as it lies in memory, (panels, bytes of a panel)."""

    def call(self, sums: View, x: View, weights: View, bias: View) -> None:
        """Emit a call."""


def panels_of(weights: Array, width: int, depth: int) -> Array:
    """int8 (O, K) to (panels, width, depth), filled up with 0."""
    filled = np.zeros((-(-len(weights) // width) * width, depth), np.int8)
    filled[: len(weights), : weights.shape[1]] = weights
    return filled.reshape(-1, width, depth)


def emit_call(name: str, function: str, views: Sequence[View], steps: Expr) -> None:
    """Emit a call of a function that comes with it."""
    with T.attr(tirx.const(0, "int32"), "pragma_import_llvm", function):
        pointers = [tirx.address_of(view[0]) for view in views]
        T.evaluate(tirx.call_extern("void", name, *pointers, cast("int64", steps)))


def assembly_function(name: str, lines: Iterable[str], clobbers: Iterable[str]) -> str:
    """LLVM's text of the function; `lines` call its parameters {sums}, {x}, {w}, {bias} and {steps}."""
    names = {n: f"${i}" for i, n in enumerate(("sums", "x", "w", "bias", "steps"))}
    body = "\\0A".join(line.format(**names) for line in lines)
    constraints = ",".join(["=&r"] * 5 + [str(i) for i in range(5)] + [f"~{{{c}}}" for c in clobbers])
    types = "{ptr, ptr, ptr, ptr, i64}"
    parameters = "ptr %sums, ptr %x, ptr %w, ptr %bias, i64 %steps"
    return "\n".join(
        [
            f"define void @{name}({parameters}) alwaysinline nounwind {{",
            f'  %r = call {types} asm sideeffect "{body}", "{constraints}"({parameters})',
            "  ret void",
            "}",
            "",
        ]
    )


def registers(first: int, count: int, shape: str) -> str:
    """Successive AArch64 registers as an operand, to be formatted."""
    names = ", ".join(f"v{i}.{shape}" for i in range(first, first + count))
    return f"{{{{{names}}}}}"
