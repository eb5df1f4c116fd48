"""The indices of the largest elements."""

from __future__ import annotations

from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, cast, local, loop
from bnnc.ir.integer_ops import TopK
from bnnc.ir.op import map_shape, tensor_of

_HIGHEST = 2**63 - 1


def write_top_k(kernel: Kernel, op: TopK) -> None:
    """k passes, each for the largest key below the one before.

    The key of element i is (x[i] << 31) - i, with i < 2^31: the larger element first, of equal ones the lower
    index; i = -key mod 2^31.
    """
    x, y, channels = kernel.x(tensor_of(op.x).elem.dtype.name), kernel.y("int32"), map_shape(op.x)[2]
    last, best = local("int64"), local("int64")
    last.put(0, _const(_HIGHEST))
    with loop(op.k) as rank:
        best.put(0, _const(-_HIGHEST))
        with loop(channels) as i:
            key = (cast("int64", x[i]) << _const(31)) - cast("int64", i)
            below = tirx.Select(key < last[0], key, _const(-_HIGHEST))
            best.put(0, tirx.max(best[0], below))
        last.put(0, best[0])
        y.put(rank, cast("int32", (_const(0) - best[0]) & _const(0x7FFFFFFF)))


def _const(value: int) -> Expr:
    return tirx.const(value, "int64")
