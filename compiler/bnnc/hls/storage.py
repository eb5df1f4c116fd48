"""Where the weights of a layer lie, and how the words of its processing elements share memories."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bnnc.hls.cpp import function
from bnnc.hls.model.memory import BEAT_BITS, BRAM18_SHAPES, MAX_LUT_DEPTH, default_rom
from bnnc.hls.roms import Reader, Rom, array_text, reader_function, rom, switch
from bnnc.ir.op import Array

WEIGHTS = Reader("weights_t", "weights", ("pe", "word"), "pe", "word")


class Storage(StrEnum):
    """Constants in lookup tables or block RAM; UltraRAM that is filled from memory before the first sample;
    memory itself, which is read again for every vector.
    """

    LUT = "lut"
    BRAM = "bram"
    URAM = "uram"
    DDR = "ddr"


def default_storage(depth: int) -> Storage:
    """Lookup tables for a few words; `depth` are those of a processing element."""
    return Storage.LUT if depth <= MAX_LUT_DEPTH else Storage.BRAM


def bank_bits(depth: int) -> int:
    """Bits of the words of a bank in block RAM: as many blocks side by side as 64 bits have room for.

    All words of a step are cut into banks of that width, whichever elements they belong to. So a matrix
    takes as many blocks as one memory of its width would: rom_cost of `model.memory` counts them.
    """
    width = next((bits for block, bits in BRAM18_SHAPES if depth <= block), 1)
    return width * (64 // width)


def banks(words: Array, bits: int, width: int) -> Array:
    """uint64 (elements, depth) of `bits` bits as (banks, depth) of `width` bits; element 0 is lowest."""
    elements, depth = words.shape
    places = np.arange(bits, dtype=np.uint64)
    flat = (words.T[:, :, None] >> places & np.uint64(1)).astype(np.uint64).reshape(depth, elements * bits)
    parts = np.pad(flat, ((0, 0), (0, -flat.shape[1] % width))).reshape(depth, -1, width)
    joined: Array = np.bitwise_or.reduce(parts << np.arange(width, dtype=np.uint64), axis=-1)
    return joined.T


@dataclass(frozen=True)
class Weights:
    """C++ of the weights of a matrix: arrays at file scope and the member `weights`.

    head: the first lines of the unit's function. memory: uint64, what its port `weights` gives.
    """

    function: str
    arrays: str = ""
    head: tuple[str, ...] = ()
    memory: Array | None = None


def stored_constants(unit: str, reader: Reader, words: Array, bits: int, storage: Storage | None) -> Weights:
    """words: int64 (cases, depth), of `bits` bits; all that `reader` answers at an index are read at once.

    storage None: the tool's own tables for few of them, banks for more.
    """
    if shares_banks(words.shape[1], bits, storage):
        return _block_ram(unit, reader, words.astype(np.uint64) & np.uint64(2**bits - 1), bits)
    constants = rom(unit, reader, list(words))
    return Weights(constants.function, constants.arrays, bound(constants, storage))


def shares_banks(depth: int, bits: int, storage: Storage | None) -> bool:
    """Whether constants lie in banks of block RAM."""
    return depth > 1 and (storage or default_rom(depth, bits)) == Storage.BRAM


def bound(constants: Rom, storage: Storage | None) -> tuple[str, ...]:
    """C++ that puts each array into lut or into bram; None leaves it to the tool."""
    return tuple(f"BNNC_{storage.upper()}_ROM({name})" for name in constants.names) if storage else ()


def stored_weights(unit: str, words: Array, bits: int, storage: Storage) -> Weights:
    """words: uint64 (elements, depth), a word of `bits` bits for each element and step."""
    match storage:
        case Storage.LUT:
            constants = rom(unit, WEIGHTS, list(words), hexadecimal=True)
            return Weights(constants.function, constants.arrays, bound(constants, storage))
        case Storage.BRAM:
            return _block_ram(unit, WEIGHTS, words, bits)
        case Storage.URAM:
            return _ultra_ram(unit, words, bits)
        case Storage.DDR:
            (rows,) = banks(words, bits, BEAT_BITS)
            body = switch("pe", _answers(WEIGHTS, "row", len(words), bits, BEAT_BITS))
            pe = "int pe" if len(words) > 1 else "int"
            return Weights(function(f"weights_t weights({pe}, ap_uint<64> row)", *body), memory=rows)


def _block_ram(unit: str, reader: Reader, words: Array, bits: int) -> Weights:
    width = bank_bits(words.shape[1])
    rows = banks(words, bits, width)
    names = [f"{unit}_{reader.name}_{bank}" for bank in range(len(rows))]
    used = [min(width, len(words) * bits - bank * width) for bank in range(len(rows))]
    arrays = "".join(array_text(*bank) for bank in zip(names, rows, used, strict=True))
    answers = _answers(reader, f"{unit}_{reader.name}_{{bank}}[{reader.index}]", len(words), bits, width)
    text = reader_function(reader, switch(reader.case, answers))
    return Weights(text, arrays, tuple(f"BNNC_BRAM_ROM({name})" for name in names))


def _ultra_ram(unit: str, words: Array, bits: int) -> Weights:
    rows = banks(words, bits, BEAT_BITS)
    n_banks, depth = rows.shape
    memory = f"static ap_uint<{BEAT_BITS}> {unit}_memory[{n_banks}][{depth}];\n"
    answers = _answers(WEIGHTS, f"{unit}_memory[{{bank}}][word]", len(words), bits, BEAT_BITS)
    reader = reader_function(WEIGHTS, switch("pe", answers))
    head = [f"BNNC_COPIES({unit}_memory)", f"BNNC_URAM({unit}_memory)"]
    head += once(f"bnnc::fill<{n_banks}, {depth}>(weights, {unit}_memory);")
    return Weights(reader, memory, tuple(head), np.ascontiguousarray(rows.T).ravel())


def once(line: str) -> list[str]:
    """C++ that runs before the first sample only."""
    return ["static bool is_loaded = false;", f"if (!is_loaded) {line}", "is_loaded = true;"]


def _answers(reader: Reader, row: str, elements: int, bits: int, width: int) -> list[str]:
    """C++: the word of each element, out of banks of `width` bits.

    row: the word of bank {bank}, a 64-bit integer.
    """
    return [_pieces(reader.returns, row, element * bits, bits, width) for element in range(elements)]


def _pieces(type_: str, row: str, first: int, bits: int, width: int) -> str:
    """Bits first .. first + bits - 1 of all banks side by side."""
    pieces = []
    for bank in range(first // width, (first + bits - 1) // width + 1):
        shift, word = first - bank * width, row.format(bank=bank)
        pieces.append(f"{type_}({word} >> {shift})" if shift > 0 else f"{type_}({word})")
        if shift < 0:
            pieces[-1] += f" << {-shift}"
    return " | ".join(pieces)
