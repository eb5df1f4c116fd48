"""Weights as Huffman codes: of matrices decoded ahead of the engines, of sparse layers as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnnc.hls import cpp
from bnnc.hls.folding import Fold
from bnnc.hls.layers import MatrixLayer, SparseLayer
from bnnc.hls.lower import Accelerator
from bnnc.hls.matrix import Matrix
from bnnc.hls.matrix_codes import CodedMatrix, plain_bytes, restored
from bnnc.hls.model.compute import decoder_cost
from bnnc.hls.model.resources import Resources, count_text
from bnnc.hls.mvtu import folds_of, matrix_unit, storages, weight_bits, weight_lanes
from bnnc.hls.network import Stage
from bnnc.hls.roms import Reader, Rom, rom
from bnnc.hls.sparse import sparse_storages, sparse_unit
from bnnc.hls.sparse_codes import CodedEntries
from bnnc.hls.sparse_codes import plain_bytes as entry_bytes
from bnnc.hls.storage import WEIGHTS, Storage, Weights, once

Weighted = MatrixLayer | SparseLayer
CODE, SYMBOL = Reader("int", "code", ("at",), "0", "at"), Reader("int", "symbol", ("at",), "0", "at")
END, SHIFT = (Reader("int", name, ("length",), "0", "length") for name in ("end", "shift"))


@dataclass(frozen=True)
class StoredMatrix:
    """The weights of a layer: as plain words, and what is stored; what its unit takes beyond a plain one."""

    name: str
    form: str
    n_bytes: int
    stored_bytes: int
    more_luts: int = 0
    more_bram18: int = 0

    @property
    def entry(self) -> dict[str, object]:
        """As the manifest says it."""
        sizes = {"n_bytes": self.n_bytes, "stored_bytes": self.stored_bytes}
        return {"name": self.name, **sizes, "arrays": [{"form": self.form, **sizes}]}


def compressed(accelerator: Accelerator) -> tuple[Accelerator, tuple[StoredMatrix, ...]]:
    """The accelerator with those weights coded that lie in block RAM and take less there so."""
    layers = {_unit_name(layer): layer for layer in accelerator.layers if isinstance(layer, Weighted)}
    stages, stored = list[Stage](), list[StoredMatrix]()
    for stage in accelerator.stages:
        layer = layers.get(stage.unit.name)
        if layer is not None:
            fold = accelerator.folds[layer.name]
            storage = accelerator.settings.storages.get(layer.name)
            plain = stage.unit.resources
            stage, matrix = _stored(stage, layer, fold, storage)
            taken = stage.unit.resources
            more = (taken.lut - plain.lut, taken.bram18 - plain.bram18)
            stored.append(replace(matrix, more_luts=more[0], more_bram18=more[1]))
        stages.append(stage)
    return replace(accelerator, stages=tuple(stages)), tuple(stored)


def codes_note(stored: Sequence[StoredMatrix]) -> str:
    """What codes take of the FPGA, where that is more block RAM than plain weights take; empty elsewhere."""
    luts, blocks = (sum(each) for each in ([m.more_luts for m in stored], [m.more_bram18 for m in stored]))
    if blocks <= 0:
        return ""
    bytes_less = sum(m.n_bytes - m.stored_bytes for m in stored)
    return (
        f"Huffman codes and the memories that they are decoded into take {count_text(blocks / 2)} BRAM36 and "
        f"{luts:,} LUTs more than plain weights, for {bytes_less:,} bytes of constants less; "
        "--compress none leaves them out"
    )


def _unit_name(layer: Weighted) -> str:
    return f"{layer.name}_{'mvtu' if isinstance(layer, MatrixLayer) else 'sparse'}"


def _stored(stage: Stage, layer: Weighted, fold: Fold, storage: Storage | None) -> tuple[Stage, StoredMatrix]:
    if isinstance(layer, MatrixLayer):
        m = layer.matrix
        is_coded = (storage or storages(m, fold)[0]) is Storage.BRAM
        return _matrix_stage(stage, layer, fold, m.coded if is_coded else None)
    is_coded = (storage or sparse_storages(layer.matrix, fold)[0]) is Storage.BRAM
    return _sparse_stage(stage, layer, fold, layer.matrix.coded(fold.pe) if is_coded else None)


def _sparse_stage(
    stage: Stage, layer: SparseLayer, fold: Fold, coded: CodedEntries | None
) -> tuple[Stage, StoredMatrix]:
    s, name = layer.matrix, stage.unit.name
    plain = entry_bytes(fold.pe * s.deal(fold.pe).steps, s.entry_bits)
    if coded is None:
        return stage, StoredMatrix(s.op.name, "raw", plain, plain)
    x = stage.reads[0].wire
    unit = sparse_unit(s, layer.act, x, name, fold, Storage.BRAM, coded)
    return replace(stage, unit=unit), StoredMatrix(s.op.name, "entries", plain, coded.n_bytes)


def _matrix_stage(
    stage: Stage, layer: MatrixLayer, fold: Fold, coded: CodedMatrix | None
) -> tuple[Stage, StoredMatrix]:
    m, name = layer.matrix, stage.unit.name
    plain = plain_bytes(m)
    if coded is None:
        return stage, StoredMatrix(m.conv.name, "raw", plain, plain)
    assert np.array_equal(restored(coded, m), m.w.codes(m.weights)), "codes that are not the weights"
    unit = matrix_unit(m, layer.act, name, fold, Storage.BRAM, _memory(name, m, fold))
    unit = replace(
        unit,
        engines=(*unit.engines, "huffman"),
        parameters=f"{unit.parameters}\n{_struct(name, coded, m)}",
        rom=unit.rom + "".join(part.arrays for part in _readers(name, coded)),
        resources=unit.resources + decoder_resources(m, coded),
    )
    return replace(stage, unit=unit), StoredMatrix(m.conv.name, coded.symbols.form, plain, coded.n_bytes)


def decoder_resources(m: Matrix, coded: CodedMatrix) -> Resources:
    """Of what fills the memories of a matrix."""
    return decoder_cost(
        code_bytes=len(coded.stream),
        symbols=len(coded.code.symbols),
        symbol_bits=max(1, int(coded.code.symbols.max()).bit_length()),
        weights=m.weights.size,
    )


def _memory(name: str, m: Matrix, fold: Fold) -> Weights:
    """One for each processing element, filled before the first sample."""
    words = folds_of(m, fold) * m.shape[1] // weight_lanes(m, fold)
    memory = f"static ap_uint<{weight_bits(m, fold)}> {name}_memory[{fold.pe}][{words}];\n"
    head = f"{WEIGHTS.returns} {WEIGHTS.name}(int pe, int word)"
    load = once(f"bnnc::load<{name}_matrix, {name}_codes>({name}_memory);")
    reader = cpp.function(head, f"return {name}_memory[pe][word];")
    return Weights(reader, memory, (f"BNNC_COPIES({name}_memory)", *load))


def _readers(name: str, coded: CodedMatrix) -> tuple[Rom, ...]:
    code = coded.code
    pairs = ((CODE, coded.stream), (SYMBOL, code.symbols), (END, code.ends), (SHIFT, code.shifts))
    return tuple(rom(name, reader, [values]) for reader, values in pairs)


def _struct(name: str, coded: CodedMatrix, m: Matrix) -> str:
    symbols = coded.symbols
    fields = (
        f"static const int SYMBOLS = {len(symbols.values)}, PER_ROW = {symbols.per_row};",
        f"static const int COUNT = {symbols.count}, STEP = {symbols.step}, STRIDE = {symbols.stride};",
        f"static const int INPUTS = {m.shape[1]};",
    )
    return cpp.struct(f"{name}_codes", "\n".join(fields), *(part.function for part in _readers(name, coded)))
