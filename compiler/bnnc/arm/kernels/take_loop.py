"""32-bit integers in another order, on AArch64 eight at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnnc.arm.kernels.builder import Kernel, View, loop
from bnnc.arm.kernels.product_loop import assembly_function, emit_call
from bnnc.ir.op import Array

AT_ONCE = 8
_NAME = "bnnc_take"


def take(kernel: Kernel, is_neon: bool, out: View, source: View, places: Array) -> None:
    """out[i] = source[places[i]] for a multiple of `AT_ONCE` places."""
    assert places.size % AT_ONCE == 0
    where = kernel.constant(places.astype(np.int32))
    if not is_neon:
        with loop(places.size) as i:
            out.put(i, source[where[i]])
        return
    temporary = [f"x{9 + i}" for i in range(AT_ONCE)]
    function = assembly_function(_NAME, _lines(), [*temporary, "cc", "memory"])
    emit_call(_NAME, function, (out, source, where, where), places.size // AT_ONCE)


def _lines() -> Iterator[str]:
    pairs = [(9 + i, 10 + i) for i in range(0, AT_ONCE, 2)]
    yield "1:"
    for a, b in pairs:
        yield f"ldp w{a}, w{b}, [{{w}}], #8"
    for a in range(9, 9 + AT_ONCE):
        yield f"ldr w{a}, [{{x}}, w{a}, uxtw #2]"
    for a, b in pairs:
        yield f"stp w{a}, w{b}, [{{sums}}], #8"
    yield "subs {steps}, {steps}, #1"
    yield "b.ne 1b"
