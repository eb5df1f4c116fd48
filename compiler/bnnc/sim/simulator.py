"""The simulator: integer and packed graphs in NumPy, on the packed words. Its answer is what an op means."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Array, Op, map_shape, packed_of
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.parts import core_input, core_result
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.sim import activation, bits, convolution, pooling, sparse, value_path

CHUNK_BYTES = 1 << 23  # of the largest value of a graph: about what the caches of one core hold


def run(graph: Graph, codes: Array, progress: Callable[[int], None] | None = None) -> Array:
    """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape).

    `progress` is told how many samples were finished since it was called last.
    """
    result = core_result(graph)
    raw = np.empty((len(codes), *result.type.shape), result.type.elem.dtype)
    for part in _chunks(graph, len(codes)):
        raw[part] = _result(graph, codes[part])
        if progress is not None:
            progress(len(raw[part]))
    return raw


def values(graph: Graph, codes: Array) -> dict[Op, Array]:
    """The value of every operation of the core, batch first; packed ones as uint32 (n, H, W, bits, words)."""
    encoder = core_input(graph)
    known: dict[Op, Array] = {encoder: np.ascontiguousarray(codes)}
    for op in core_ops(graph):
        if op is not encoder:
            known[op] = evaluate(op, *(known[operand] for operand in op.operands))
    return known


def _result(graph: Graph, codes: Array) -> Array:
    """The value of the core's result alone: any other is dropped behind its last user."""
    known: dict[Op, Array] = {core_input(graph): np.ascontiguousarray(codes)}
    ops = core_ops(graph)
    last_user = {operand: op for op in ops for operand in op.operands}
    for op in ops[1:]:
        known[op] = evaluate(op, *(known[operand] for operand in op.operands))
        for operand in set(op.operands):
            if last_user[operand] is op:
                del known[operand]
    return known[core_result(graph)]


def core_ops(graph: Graph) -> tuple[Op, ...]:
    """The operations of the core in the graph's order, from the input encoder to the result."""
    encoder, wanted = core_input(graph), {core_result(graph)}
    for op in reversed(graph.ops):
        if op in wanted and op is not encoder:
            wanted.update(op.operands)
    return tuple(op for op in graph.ops if op in wanted)


def evaluate(op: Op, *operands: Array) -> Array:
    """The value of one operation of the core for the values of its operands, all batch first."""
    match op:
        case AddMaps():
            return value_path.add_maps(op, *operands)
        case ConcatChannels():
            return np.concatenate(operands, axis=-1)
        case _:
            return _evaluate(op, *operands)


def _evaluate(op: Op, x: Array) -> Array:
    match op:
        case XnorConv2d():
            return convolution.xnor_conv2d(op, x)
        case BitConv2d():
            return convolution.bit_conv2d(op, x)
        case Conv2d():
            return convolution.conv2d(op, x)
        case Threshold():
            return activation.threshold(op, x)
        case Table():
            return activation.table(op, x)
        case MaxPool2d():
            return pooling.max_pool2d(op, x)
        case PackedMaxPool2d():
            return pooling.packed_max_pool2d(op, x)
        case SumPool2d():
            return pooling.sum_pool2d(op, x)
        case Rescale():
            return value_path.rescale(op, x)
        case SparseDense():
            return sparse.sparse_dense(op, x)
        case TopK():
            return top_k(op, x)
        case _:
            return _relayout(op, x)


def top_k(op: TopK, x: Array) -> Array:
    """Integers (n, 1, 1, C) to int32 (n, 1, 1, k): equals stay in the order of their index."""
    order = np.argsort(-x.astype(np.int64), axis=-1, kind="stable")
    return order[..., : op.k].astype(np.int32)


def _relayout(op: Op, x: Array) -> Array:
    match op:
        case Pack():
            return bits.pack(x, packed_of(op).elem)
        case Unpack():
            return bits.unpack(x, op.type.elem, map_shape(op)[2])
        case ChannelsLast():
            return np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        case ChannelsFirst():
            return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        case Reshape():
            return x.reshape(len(x), *op.shape)
        case GatherChannels():
            return np.take(x, op.index, axis=-1)
        case Cast() | Narrow():
            return x.astype(op.elem.dtype)
        case _:
            raise AssertionError(f"{op.mnemonic()} is no operation of the core")


def _chunks(graph: Graph, n: int) -> Iterator[slice]:
    largest = max(op.type.n_bytes for op in core_ops(graph))
    step = max(1, CHUNK_BYTES // largest)
    return (slice(start, start + step) for start in range(0, n, step))
