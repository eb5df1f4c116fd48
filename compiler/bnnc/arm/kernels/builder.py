"""A kernel under construction: one C function with typed views of its pointers.

    void name(const uint8_t *x, [const uint8_t *x1, ..]
              uint8_t *y, uint8_t *scratch, const uint8_t *constants)

There is an input pointer for every value that the stage reads, in the order of `Stage.inputs`. Memory that is
written may only be read through a view of the same type (LLVM's type-based alias analysis).

A kernel that threads share has two more parameters, `int32_t part, int32_t parts`, and scratch memory of its
own for each part: a loop that is `shared` then runs over one part of its range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from bnnc.ir.op import Array, Op
from bnnc.schedule.stages import storage

Expr = Any  # a TIR expression, or a Python integer where it is known now
ALIGNMENT = 64
# Nothing at all, which LLVM must not double.
_ONCE = """define void @bnnc_once() alwaysinline nounwind {
  call void asm sideeffect "", "~{memory}"() noduplicate
  ret void
}
"""
_VIEW_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


@dataclass(frozen=True)
class View:
    """Elements of one type in memory, counted from `offset` elements behind a pointer."""

    buffer: Any
    offset: Expr = 0

    def __getitem__(self, index: Expr) -> Expr:
        return self.buffer[self.offset + index]

    def vector(self, index: Expr, lanes: int) -> Expr:
        """`lanes` successive elements."""
        return self.buffer[T.ramp(self.offset + index, 1, lanes)] if lanes > 1 else self[index]

    def put(self, index: Expr, value: Expr, lanes: int = 1) -> None:
        """Store a scalar or a vector of `lanes` elements."""
        where = T.ramp(self.offset + index, 1, lanes) if lanes > 1 else self.offset + index
        T.buffer_store(self.buffer, value, [where])

    def at(self, index: Expr) -> View:
        """The same elements counted from `index`."""
        return View(self.buffer, self.offset + index)


@dataclass(frozen=True)
class Built:
    """A finished kernel. `parts` are start and size in bytes of every array among its constants."""

    function: Any  # tvm.tirx.PrimFunc
    constants: bytes
    scratch_bytes: int
    parts: tuple[tuple[int, int], ...] = ()
    is_shared: bool = False


@dataclass(frozen=True)
class Share:
    """The loops along `axis` run over part number `part` of `parts`, which are known when the code runs."""

    axis: str
    part: Expr
    parts: Expr


class Kernel:
    """What a kernel's code may touch; constants and scratch memory grow while it is written.

    `extents` are the ranges of its loops that can be shared, by their axes. For cores that issue in order
    LLVM unrolls loops until registers run out, unless it `keeps_loops`.
    """

    def __init__(
        self,
        inputs: Sequence[Op],
        views: dict[tuple[str, str], Any],
        share: Share | None = None,
        keeps_loops: bool = False,
    ) -> None:
        self._inputs, self._views, self._share, self._keeps_loops = inputs, views, share, keeps_loops
        self.extents: dict[str, list[int]] = {}
        self._constants = bytearray()
        self._parts: list[tuple[int, int]] = []
        self.scratch_bytes = 0

    def x(self, dtype: str) -> View:
        """What the first operation of the stage reads, of its first operand."""
        return View(self._views["x", dtype])

    def read(self, op: Op, dtype: str) -> View:
        """The result of an operation that ran earlier."""
        return View(self._views[_input_name(self._inputs.index(storage(op))), dtype])

    def y(self, dtype: str) -> View:
        return View(self._views["y", dtype])

    def scratch(self, dtype: str, size: int) -> View:
        """Room for `size` elements in the scratch memory, 64-byte aligned."""
        width = np.dtype(dtype).itemsize
        offset, self.scratch_bytes = self.scratch_bytes, _aligned(self.scratch_bytes + size * width)
        return View(self._views["scratch", dtype], offset // width)

    def constant(self, array: Array, dtype: str | None = None) -> View:
        """The elements of `array`, C order, little-endian, read as `dtype` (the array's own unless told)."""
        self._constants.extend(bytes(_aligned(len(self._constants)) - len(self._constants)))
        offset = len(self._constants)
        self._constants.extend(array.astype(array.dtype.newbyteorder("<")).tobytes())
        self._parts.append((offset, array.nbytes))
        view = dtype or array.dtype.name
        return View(self._views["constants", view], offset // np.dtype(view).itemsize)

    @contextmanager
    def shared(self, axis: str, stop: int) -> Iterator[Expr]:
        """for (i = 0; i < stop; i++), of which a thread may do a part: all that is stored in y along an axis
        is stored within such loops, and their rounds need nothing of each other.
        """
        self.extents.setdefault(axis, []).append(stop)
        if self._share is None or self._share.axis != axis:
            with loop(stop) as i:
                yield i
        else:
            part, parts = self._share.part, self._share.parts
            with T.serial(tirx.truncdiv(part * stop, parts), tirx.truncdiv((part + 1) * stop, parts)) as i:
                yield i

    @contextmanager
    def repeated(self, stop: Expr, always: bool = False) -> Iterator[Expr]:
        """for (i = 0; i < stop; i++) around enough to fill the registers."""
        with loop(stop) as i:
            if self._keeps_loops or always:
                keep()
            yield i

    @property
    def constants(self) -> bytes:
        return bytes(self._constants)

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        return tuple(self._parts)


def build_kernel(
    name: str,
    inputs: Sequence[Op],
    write: Callable[[Kernel], None],
    parts: int = 1,
    keeps_loops: bool = False,
) -> Built:
    """The function `name`, which reads `inputs` and whose body `write` emits; shared by `parts` threads where
    there is an axis to do it along.
    """
    built, kernel = _written(name, inputs, write, None, keeps_loops)
    axis = best_axis(kernel.extents, parts)
    return _written(name, inputs, write, axis, keeps_loops)[0] if axis else built


def best_axis(extents: dict[str, list[int]], parts: int) -> str | None:
    """The axis whose largest loop falls into the most even parts, of equals the first; None if all are 1."""

    def speedup(axis: str) -> float:
        largest = max(extents[axis])
        return largest / -(-largest // parts)

    best = max(extents, key=speedup, default=None)
    return best if best is not None and speedup(best) > 1 else None


def _written(
    name: str, inputs: Sequence[Op], write: Callable[[Kernel], None], axis: str | None, keeps_loops: bool
) -> tuple[Built, Kernel]:
    names = (*map(_input_name, range(len(inputs))), "y", "scratch", "constants")
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name(name)
        T.func_attr({"global_symbol": name, "tirx.noalias": True, "calling_conv": 0})
        pointers = {p: T.arg(p, T.handle("uint8")) for p in names}
        share = Share(axis, T.arg("part", T.int32()), T.arg("parts", T.int32())) if axis else None
        views = {(p, t): T.decl_buffer((1,), t, data=pointers[p]) for p in names for t in _VIEW_TYPES}
        kernel = Kernel(inputs, views, share, keeps_loops)
        write(kernel)
    built = Built(builder.get(), kernel.constants, kernel.scratch_bytes, kernel.parts, axis is not None)
    return built, kernel


@contextmanager
def loop(stop: Expr, start: Expr = 0) -> Iterator[Expr]:
    """for (i = start; i < stop; i++); no loop at all where it is known to run once."""
    if isinstance(start, int) and isinstance(stop, int) and stop - start == 1:
        yield start
    else:
        with T.serial(start, stop) as i:
            yield i


def keep() -> None:
    """Say in a loop that LLVM must not unroll it."""
    with T.attr(tirx.const(0, "int32"), "pragma_import_llvm", _ONCE):
        T.evaluate(tirx.call_extern("void", "bnnc_once"))


def local(dtype: str, size: int = 1) -> View:
    """Variables: registers, when every index into them is a constant."""
    return View(T.alloc_buffer((size,), dtype))


def splat(value: int, lanes: int, dtype: str = "int32") -> Expr:
    """A vector of `lanes` times the same constant."""
    constant = tirx.const(value, dtype)
    return T.broadcast(constant, lanes) if lanes > 1 else constant


def spread(value: Expr, lanes: int) -> Expr:
    """A scalar in all lanes of a vector."""
    return T.broadcast(value, lanes) if lanes > 1 else value


def cast(dtype: str, value: Expr, lanes: int = 1) -> Expr:
    """Widen (or cut) every lane."""
    return tirx.Cast(vector_type(dtype, lanes), value)


def bits_as(dtype: str, value: Expr) -> Expr:
    """The same bits under another type, such as a vector of comparisons as one integer."""
    return tirx.call_intrin(dtype, "tirx.reinterpret", value)


def vector_type(dtype: str, lanes: int) -> str:
    return f"{dtype}x{lanes}" if lanes > 1 else dtype


def _input_name(number: int) -> str:
    return f"x{number}" if number else "x"


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT
