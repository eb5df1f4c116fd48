"""What units that move, join and choose elements take, in closed form, from plain numbers."""

from __future__ import annotations

from bnnc.hls.model import logic
from bnnc.hls.model.calibration import unit_cost
from bnnc.hls.model.functions import Function, function_circuit
from bnnc.hls.model.memory import ram_cost, rom_cost
from bnnc.hls.model.resources import Circuit, Resources

POSITION_BITS = 9
POSITIONS = 9  # of a window: rows, columns, taps, groups and words


def window_cost(*, lines: int, words_per_row: int, bits: int, extra_bits: int = 0) -> Resources:
    """A sliding window unit: a ring of `lines` rows of so many words, and its position."""
    circuit = position_circuit(lines * words_per_row, bits + extra_bits)
    return unit_cost(circuit + Circuit(0, 0, ram_cost(lines * words_per_row, bits)))


def wide_window_cost(*, lines: int, columns: int, bits: int, taps: int, parts: int) -> Resources:
    """A sliding window unit whose taps are registers; `parts` words of `taps` taps are a window."""
    place_bits = columns.bit_length()
    lut = POSITIONS * POSITION_BITS + 2 * place_bits + logic.multiplexer(parts, taps * bits)
    registers = taps * parts * bits + taps * bits + POSITIONS * POSITION_BITS
    return unit_cost(Circuit(lut, registers, ram_cost(columns, bits, copies=lines)))


def position_circuit(words: int, bits: int) -> Circuit:
    """Counters of a window, and the place of a word among `words`."""
    place_bits = words.bit_length()
    lut = POSITIONS * 2 * POSITION_BITS + 4 * place_bits + bits
    return Circuit(lut, POSITIONS * POSITION_BITS + 4 * place_bits + 2 * bits)


def width_cost(*, narrow_bits: int, ratio: int) -> Resources:
    """A converter between words of narrow_bits and words of `ratio` times as many."""
    return unit_cost(width_circuit(narrow_bits, ratio))


def width_circuit(narrow_bits: int, ratio: int) -> Circuit:
    wide = narrow_bits * ratio
    return Circuit(wide / 2 + logic.counter(ratio), wide + narrow_bits)


def fork_cost(*, bits: int) -> Resources:
    """Two streams of one."""
    return unit_cost(Circuit(2, bits))


def pool_cost(*, lanes: int, words: int, taps: int, x_bits: int, y_bits: int, sums: bool) -> Resources:
    """Maxima or sums of `taps` words, for `words` words of a pixel in turn, which wait in shift registers."""
    join = y_bits if sums else logic.comparator(x_bits) + x_bits
    lut = lanes * (join + y_bits + y_bits * (-(-words // 32) if words > 2 else 0))
    registers = lanes * (x_bits + y_bits + y_bits * min(words, 2))
    return unit_cost(Circuit(lut + logic.counter(words) + logic.counter(taps), registers))


def map_cost(*, lanes: int, folds: int, function: Function) -> Resources:
    """An activation of every element."""
    around = Circuit(logic.counter(folds), lanes * (function.x_bits + function.y_bits))
    return unit_cost(around + function_circuit(function, lanes, folds))


def add_cost(*, lanes: int, folds: int, a_bits: int, b_bits: int, function: Function) -> Resources:
    """Sums of two streams, and their activation."""
    lut = lanes * (max(a_bits, b_bits) + 1) + logic.counter(folds)
    around = Circuit(lut, lanes * (a_bits + b_bits + function.x_bits + function.y_bits))
    return unit_cost(around + function_circuit(function, lanes, folds))


def concat_cost(*, lanes: int, words: int, y_bits: int) -> Resources:
    """Words of one stream, then words of another: `words` in all."""
    return unit_cost(Circuit(lanes * y_bits + logic.counter(words), lanes * y_bits))


def gather_cost(*, bits: int, in_words: int, out_words: int) -> Resources:
    """Words of a pixel in another order: two pixels are kept, and the places in a ROM."""
    memory = ram_cost(2 * in_words, bits) + rom_cost(out_words, (in_words - 1).bit_length())
    lut = 4 * in_words.bit_length() + logic.counter(max(in_words, out_words))
    return unit_cost(Circuit(lut, 2 * bits, memory))


def transpose_cost(*, bits: int, size: int) -> Resources:
    """A matrix of `size` words is kept whole."""
    place_bits = size.bit_length()
    return unit_cost(Circuit(4 * place_bits, 2 * place_bits + bits, ram_cost(size, bits)))


def columns_cost(*, bits: int, lanes: int, rows: int, columns: int) -> Resources:
    """A matrix is kept whole, each row in a memory of its own, from which a lane of a word is taken."""
    lut = rows * logic.multiplexer(lanes, bits) + 3 * logic.counter(rows * columns // lanes)
    memory = ram_cost(columns // lanes, lanes * bits, copies=rows)
    return unit_cost(Circuit(lut, rows * bits, memory))


def top_k_cost(*, k: int, x_bits: int, size: int) -> Resources:
    """The k largest of `size`, in registers that shift."""
    place_bits = size.bit_length()
    lut = k * (2 * logic.comparator(x_bits) + x_bits + place_bits) + logic.counter(size)
    return unit_cost(Circuit(lut, k * (x_bits + place_bits)))
