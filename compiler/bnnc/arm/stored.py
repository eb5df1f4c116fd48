"""How the constants of a program are stored: as kernels read them, or coded and decoded when it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import tensor_of
from bnnc.ir.packed_ops import BitConv2d, XnorConv2d
from bnnc.ir.sparse_ops import SparseDense
from bnnc.schedule.memory import ALIGNMENT, aligned
from bnnc.schedule.stages import Stage
from bnnc.sim.bits import weight_values
from bnnc.storage.layer import Kernels, Part, Sparse, Stored, StoredPart, store
from bnnc.storage.panels import kernel_symbols
from bnnc.storage.sparse import SparseWeights


@dataclass(frozen=True)
class Blob:
    """Coded constants: `bytes` from `start` in the weights, `n_bytes` from `at` in the decoded memory."""

    start: int
    bytes: int
    at: int
    n_bytes: int


@dataclass(frozen=True)
class StoredLayer:
    """What a layer takes: constants of `n_bytes` in `stored_bytes`. `arrays` are those of its kernel."""

    name: str
    n_bytes: int
    stored_bytes: int
    arrays: tuple[StoredPart, ...]


@dataclass(frozen=True)
class Storage:
    """The read-only bytes of a program, and where each stage finds its constants.

    `offsets` count in the weights, or where `coded` says so in the decoded memory.
    """

    weights: bytes
    offsets: tuple[int, ...]
    coded: tuple[bool, ...]
    blobs: tuple[Blob, ...]
    decoded_bytes: int
    layers: tuple[StoredLayer, ...]


def store_constants(
    stages: Sequence[Stage], constants: Sequence[bytes], parts: Sequence[Sequence[Part]], compress: str
) -> Storage:
    """The constants of all stages one after another; `parts` are the arrays of each, if they are known."""
    if compress == "none":
        return _join([Stored(memory, len(memory), ()) for memory in constants], ())
    known = parts or [((0, len(memory)),) for memory in constants]
    stored = [
        store(memory, arrays, known_contents(stage))
        for stage, memory, arrays in zip(stages, constants, known, strict=True)
    ]
    layers = tuple(
        StoredLayer(stage.head.name, s.n_bytes, len(s.data), s.parts)
        for stage, s in zip(stages, stored, strict=True)
        if s.n_bytes
    )
    return _join(stored, layers)


def known_contents(stage: Stage) -> Kernels | Sparse | None:
    """The 3x3 kernels of one bit a weight, or the sparse rows, that a stage begins with."""
    match stage.head:
        case XnorConv2d(kernel=(3, 3)) as conv:
            return Kernels(kernel_symbols(weight_values(conv)), conv.groups)
        case BitConv2d(kernel=(3, 3)) as conv if conv.weight_elem.bits == 1:
            return Kernels(kernel_symbols(weight_values(conv)), conv.groups)
        case Conv2d(kernel=(3, 3)) as conv if conv.weight_elem.bits == 1:
            return Kernels(kernel_symbols(conv.weights), conv.groups)
        case SparseDense() as op:
            fields = (op.rows, op.gaps, op.codes, op.table, op.gap_bits, op.code_bits)
            return Sparse(SparseWeights(*fields), tensor_of(op.x).size)
        case _:
            return None


def _join(stored: Sequence[Stored], layers: tuple[StoredLayer, ...]) -> Storage:
    """What kernels read is aligned; blobs may start anywhere. Never empty: C has no empty objects."""
    weights, offsets, blobs, at = bytearray(), list[int](), list[Blob](), 0
    for layer in stored:
        if layer.is_coded:
            blobs.append(Blob(len(weights), len(layer.data), at, layer.n_bytes))
            offsets.append(at)
            at += aligned(layer.n_bytes)
        else:
            weights.extend(bytes(aligned(len(weights)) - len(weights)))
            offsets.append(len(weights))
        weights.extend(layer.data)
    coded = tuple(layer.is_coded for layer in stored)
    return Storage(bytes(weights) or bytes(ALIGNMENT), tuple(offsets), coded, tuple(blobs), at, layers)
