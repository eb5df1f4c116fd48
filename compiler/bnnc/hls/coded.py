"""Weights of matrices stored as Huffman codes, and decoded into memories ahead of the engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bnnc.hls import cpp
from bnnc.hls.folding import Fold
from bnnc.hls.layers import MatrixLayer
from bnnc.hls.lower import Accelerator
from bnnc.hls.matrix import Matrix
from bnnc.hls.model.compute import decoder_cost
from bnnc.hls.model.resources import Resources
from bnnc.hls.mvtu import folds_of, matrix_unit, weight_bits, weight_lanes
from bnnc.hls.network import Stage
from bnnc.hls.roms import Reader, Rom, rom
from bnnc.hls.storage import WEIGHTS, Storage, Weights, once
from bnnc.ir.op import Array
from bnnc.storage import huffman

TAPS = 9
CODE, SYMBOL = Reader("int", "code", ("at",), "0", "at"), Reader("int", "symbol", ("at",), "0", "at")
END, SHIFT = (Reader("int", name, ("length",), "0", "length") for name in ("end", "shift"))


@dataclass(frozen=True)
class StoredMatrix:
    """The weights of a layer: as plain words, and what is stored."""

    name: str
    form: str
    n_bytes: int
    stored_bytes: int

    @property
    def entry(self) -> dict[str, object]:
        """As the manifest says it."""
        sizes = {"n_bytes": self.n_bytes, "stored_bytes": self.stored_bytes}
        return {"name": self.name, **sizes, "arrays": [{"form": self.form, **sizes}]}


@dataclass(frozen=True)
class _Symbols:
    """Symbol i holds `count` codes of row i // per_row, the first in its lowest bits.

    Number k is that of column i % per_row * step + k * stride. `form` says what they are.
    """

    form: str
    values: Array
    per_row: int
    count: int
    step: int
    stride: int


@dataclass(frozen=True)
class _Tables:
    """What a decoder reads: bytes of codes, symbols by code, and per length where codes end and start."""

    codes: Array
    symbols: Array
    ends: Array
    shifts: Array

    @property
    def n_bytes(self) -> int:
        """Codes are bytes, symbols of more than 8 bits two of them, as are ends and shifts."""
        wide = 1 + int(self.symbols.max() > 255)
        return len(self.codes) + wide * len(self.symbols) + 2 * (len(self.ends) + len(self.shifts))


def compressed(accelerator: Accelerator) -> tuple[Accelerator, tuple[StoredMatrix, ...]]:
    """The accelerator with the weights coded of those matrices where that is smaller."""
    layers = {f"{layer.name}_mvtu": layer for layer in accelerator.layers if isinstance(layer, MatrixLayer)}
    stages, stored = list[Stage](), list[StoredMatrix]()
    for stage in accelerator.stages:
        layer = layers.get(stage.unit.name)
        if layer is not None:
            stage, matrix = _compressed(stage, layer, accelerator.folds[layer.name])
            stored.append(matrix)
        stages.append(stage)
    return replace(accelerator, stages=tuple(stages)), tuple(stored)


def _compressed(stage: Stage, layer: MatrixLayer, fold: Fold) -> tuple[Stage, StoredMatrix]:
    m, name = layer.matrix, stage.unit.name
    plain = -(-m.weights.size * m.w.bits // 8)
    forms = [(symbols, _tables(symbols.values)) for symbols in _forms(m)]
    smallest = min(forms, key=lambda form: form[1].n_bytes, default=None)
    if smallest is None or smallest[1].n_bytes >= plain:
        return stage, StoredMatrix(m.conv.name, "raw", plain, plain)
    symbols, tables = smallest
    assert np.array_equal(_restored(symbols, m), m.w.codes(m.weights)), "codes that are not the weights"
    unit = matrix_unit(m, layer.act, name, fold, Storage.BRAM, _memory(name, m, fold))
    unit = replace(
        unit,
        engines=(*unit.engines, "huffman"),
        parameters=f"{unit.parameters}\n{_struct(name, symbols, tables, m)}",
        rom=unit.rom + "".join(part.arrays for part in _readers(name, tables)),
        resources=unit.resources + _decoder(tables, m),
    )
    return replace(stage, unit=unit), StoredMatrix(m.conv.name, symbols.form, plain, tables.n_bytes)


def _forms(m: Matrix) -> Iterator[_Symbols]:
    """Kernels of 9 bits, and neighbours in a row that together have at most 8."""
    rows, inputs = m.shape
    codes, bits = m.w.codes(m.weights).astype(np.int64), m.w.bits
    if bits == 1 and m.conv.kernel == (3, 3):
        channels = inputs // TAPS
        kernels = (codes.reshape(rows, TAPS, channels) << np.arange(TAPS)[:, None]).sum(axis=1)
        yield _Symbols("kernels", kernels.ravel().astype(np.uint16), channels, TAPS, 1, channels)
    if bits <= 8:
        count = 8 // bits
        per_row = -(-inputs // count)
        padded = np.zeros((rows, per_row * count), np.int64)
        padded[:, :inputs] = codes
        runs = (padded.reshape(rows, per_row, count) << bits * np.arange(count)).sum(axis=2)
        yield _Symbols("symbols", runs.ravel().astype(np.uint16), per_row, count, count, 1)


def _restored(symbols: _Symbols, m: Matrix) -> Array:
    """uint64 (O, inputs): what the decoder puts into the memories."""
    stream = huffman.encode(symbols.values, _symbol_bits(symbols.values))
    values = huffman.decode(stream)[1].reshape(-1, symbols.per_row, 1).astype(np.uint64)
    shifts = np.arange(symbols.count, dtype=np.uint64) * np.uint64(m.w.bits)
    codes = values >> shifts & np.uint64(2**m.w.bits - 1)
    columns = np.arange(symbols.per_row)[:, None] * symbols.step + np.arange(symbols.count) * symbols.stride
    restored = np.zeros((len(codes), int(columns.max()) + 1), np.uint64)
    restored[:, columns] = codes
    return restored[:, : m.shape[1]]


def _tables(values: Array) -> _Tables:
    """Codes of a length are successive numbers: symbol i of all by (length, symbol) has number i + shift."""
    n_bits = _symbol_bits(values)
    lengths = huffman.code_lengths(np.bincount(values, minlength=1 << n_bits))
    order = np.lexsort((np.arange(len(lengths)), lengths))
    first, ends, shifts = 0, [0], [0]
    for length in range(1, huffman.MAX_LENGTH + 1):
        code = ends[-1] >> (huffman.MAX_LENGTH - length)
        shifts.append(code - first)
        count = int((lengths == length).sum())
        first += count
        ends.append((code + count) << (huffman.MAX_LENGTH - length))
    stream = np.frombuffer(huffman.encode(values, n_bits), np.uint8)
    codes = np.append(stream[huffman.HEADER.size + (1 << n_bits) // 2 :], [0, 0])  # the decoder reads ahead
    return _Tables(codes, order[lengths[order] > 0], np.array(ends), np.array(shifts))


def _symbol_bits(values: Array) -> int:
    return max(1, int(values.max()).bit_length())


def _decoder(tables: _Tables, m: Matrix) -> Resources:
    bits = _symbol_bits(tables.symbols)
    return decoder_cost(
        code_bytes=len(tables.codes), symbols=len(tables.symbols), symbol_bits=bits, weights=m.weights.size
    )


def _memory(name: str, m: Matrix, fold: Fold) -> Weights:
    """One for each processing element, filled before the first sample."""
    words = folds_of(m, fold) * m.shape[1] // weight_lanes(m, fold)
    memory = f"static ap_uint<{weight_bits(m, fold)}> {name}_memory[{fold.pe}][{words}];\n"
    head = f"{WEIGHTS.returns} {WEIGHTS.name}(int pe, int word)"
    load = once(f"bnnc::load<{name}_matrix, {name}_codes>({name}_memory);")
    reader = cpp.function(head, f"return {name}_memory[pe][word];")
    return Weights(reader, memory, (f"BNNC_COPIES({name}_memory)", *load))


def _readers(name: str, tables: _Tables) -> tuple[Rom, ...]:
    pairs = ((CODE, tables.codes), (SYMBOL, tables.symbols), (END, tables.ends), (SHIFT, tables.shifts))
    return tuple(rom(name, reader, [values]) for reader, values in pairs)


def _struct(name: str, symbols: _Symbols, tables: _Tables, m: Matrix) -> str:
    fields = (
        f"static const int SYMBOLS = {len(symbols.values)}, PER_ROW = {symbols.per_row};",
        f"static const int COUNT = {symbols.count}, STEP = {symbols.step}, STRIDE = {symbols.stride};",
        f"static const int INPUTS = {m.shape[1]};",
    )
    return cpp.struct(f"{name}_codes", "\n".join(fields), *(part.function for part in _readers(name, tables)))
