"""A kernel under construction: one C function with typed views of its pointers.

    void name(const uint8_t *x, [const uint8_t *x1, ..]
              uint8_t *y, uint8_t *scratch, const uint8_t *constants)

There is an input pointer for every value that the stage reads, in the order of `Stage.inputs`. Memory that is
written may only be read through a view of the same type (LLVM's type-based alias analysis).
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
_VIEW_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64")


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


class Kernel:
    """What a kernel's code may touch; constants and scratch memory grow while it is written."""

    def __init__(self, inputs: Sequence[Op], views: dict[tuple[str, str], Any]) -> None:
        self._inputs, self._views = inputs, views
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

    @property
    def constants(self) -> bytes:
        return bytes(self._constants)

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        return tuple(self._parts)


def build_kernel(name: str, inputs: Sequence[Op], write: Callable[[Kernel], None]) -> Built:
    """The function `name`, which reads `inputs` and whose body `write` emits."""
    names = (*map(_input_name, range(len(inputs))), "y", "scratch", "constants")
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name(name)
        T.func_attr({"global_symbol": name, "tirx.noalias": True, "calling_conv": 0})
        pointers = {p: T.arg(p, T.handle("uint8")) for p in names}
        views = {(p, t): T.decl_buffer((1,), t, data=pointers[p]) for p in names for t in _VIEW_TYPES}
        kernel = Kernel(inputs, views)
        write(kernel)
    return Built(builder.get(), kernel.constants, kernel.scratch_bytes, kernel.parts)


@contextmanager
def loop(stop: Expr, start: Expr = 0) -> Iterator[Expr]:
    """for (i = start; i < stop; i++); no loop at all where it is known to run once."""
    if isinstance(start, int) and isinstance(stop, int) and stop - start == 1:
        yield start
    else:
        with T.serial(start, stop) as i:
            yield i


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
