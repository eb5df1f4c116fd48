"""What units that multiply take, in closed form, from plain numbers: nothing is generated."""

from __future__ import annotations

from bnnc.hls.model import logic, products
from bnnc.hls.model.calibration import unit_cost
from bnnc.hls.model.functions import Function, function_circuit, thresholds
from bnnc.hls.model.memory import BRAM, LUT, lut_rom, ram_cost, rom_cost, weights_cost
from bnnc.hls.model.products import Form
from bnnc.hls.model.resources import NOTHING, Circuit, Resources


def mvtu_cost(
    *,
    pe: int,
    simd: int,
    x_bits: int,
    w_bits: int,
    sum_bits: int,
    out_bits: int = 1,
    steps: int = 1,
    words: int,
    folds: int,
    storage: str | None = "bram",
    uses: int | None = None,
    function: Function | None = None,
    extra_bits: int = 0,
    form: Form = Form.DOT,
    at_once: int = 1,
) -> Resources:
    """A matrix-vector-threshold unit.

    pe outputs of `simd` products each a step; elements of x_bits times weights of w_bits, 1 for bipolar ones
    as well as bits; sums of sum_bits. A vector takes words * folds steps (inputs / simd, outputs / pe).
    storage: where weights lie, as `weights_cost` has it. A vector is kept for `uses` folds: all of them,
    unless groups share out the inputs. The activation has `steps` thresholds (0: sums as they are), or is
    `function`. extra_bits: more in a word than its elements. Products are summed in `form`; elements of
    `at_once` groups read lanes of their own.
    """
    f = function or thresholds(steps, sum_bits, out_bits)
    in_bits = simd * x_bits + extra_bits
    vector = ram_cost(words, in_bits) if (uses or folds) > 1 else NOTHING
    weights = weights_cost(words * folds, simd * w_bits, pe, storage)
    elements = elements_circuit(pe, simd, x_bits, w_bits, sum_bits, form, at_once)
    counters = sum(map(logic.counter, (words, folds, words * folds)))
    around = Circuit(counters, in_bits + 2 * pe * f.y_bits, vector + weights)
    return unit_cost(elements + around + function_circuit(f, pe, folds))


def elements_circuit(
    pe: int, simd: int, x_bits: int, w_bits: int, sum_bits: int, form: Form | None, at_once: int = 1
) -> Circuit:
    """Products and accumulators of `pe` elements, and what those of each of `at_once` groups share.

    An accumulator takes a table a bit; that of bits that are equal to weights of one bit has half of a sum.
    """
    acc_bits = sum_bits - (form in (Form.EQUAL, Form.PAIRS) and x_bits == 1)
    one = products.own(form, simd, x_bits, w_bits) + acc_bits
    registers = simd * (x_bits + w_bits) / 2 + 3 * sum_bits
    common = at_once * products.shared(form, simd, x_bits)
    return Circuit(pe * one + common, pe * registers, dsp=pe * simd * logic.dsps(x_bits, w_bits))


def decoder_cost(*, code_bytes: int, symbols: int, symbol_bits: int, weights: int) -> Resources:
    """What decoding Huffman codes into the memories of a matrix adds to its unit: one symbol at a time.

    A window of 32 bits, two shifts of 15 bits, one comparison, and where the next weight goes.
    """
    places = weights.bit_length() + code_bytes.bit_length()
    circuit = Circuit(
        2 * logic.multiplexer(15, 32) + logic.comparator(15) + 4 * places,
        2 * 32 + 4 * places,
        rom_cost(code_bytes, 8) + rom_cost(symbols, symbol_bits),
    )
    return unit_cost(circuit)


def sparse_cost(
    *,
    pe: int,
    size: int,
    steps: int,
    folds: int,
    x_bits: int,
    w_bits: int,
    entry_bits: int,
    code_bits: int,
    sum_bits: int,
    function: Function,
    lanes: int = 1,
    deals: bool = False,
    storage: str | None = None,
    codes: tuple[int, int, int] | None = None,
) -> Resources:
    """A sparse layer: each element has the vector of `size` elements, `lanes` to a word.

    A list of `steps` entries an element lies in `storage`, as those of `weights_cost` do; or as `codes` in so
    many words of block RAM, decoded with a table of so many symbols of so many bits. Results wait until all
    elements have theirs; where it `deals`, rows are dealt out and come back in their order.
    """
    column_bits = size.bit_length() + 1
    one = 2 * column_bits + logic.product(x_bits, w_bits) + sum_bits + 1
    one += logic.multiplexer(lanes, x_bits) + lut_rom(1 << code_bits, w_bits)
    one += logic.multiplexer(pe, sum_bits) if deals else 0
    registers = 2 * column_bits + 4 * sum_bits + x_bits + w_bits + folds.bit_length()
    memory = ram_cost(size // lanes, lanes * x_bits, copies=pe) + ram_cost(folds, sum_bits, copies=pe)
    memory += rom_cost(-(-steps // 64), 64)
    memory += rom_cost(folds, (pe - 1).bit_length(), copies=pe) if deals else NOTHING
    lut = pe * one + logic.counter(steps) + logic.counter(size // lanes)
    circuit = Circuit(lut, pe * registers, memory, pe * logic.dsps(x_bits, w_bits))
    if codes is None:
        circuit += Circuit(0, 0, weights_cost(steps, entry_bits, pe, storage))
    else:
        circuit += _decoders_circuit(pe, *codes)
    return unit_cost(circuit + function_circuit(function, pe, folds))


def _decoders_circuit(pe: int, words: int, symbols: int, symbol_bits: int) -> Circuit:
    """Decoders of an entry a step: each has its own codes, read at places of its own, and a table.

    Two streams take turns, each with two words, how many bits of them are used, and a place.
    """
    place_bits, number_bits = words.bit_length(), symbols.bit_length()
    registers = 2 * (2 * 16 + 4 + place_bits) + 15 + 4 + number_bits + symbol_bits
    memory = rom_cost(words, 16, BRAM, pe) + rom_cost(symbols, symbol_bits, LUT, pe)
    return Circuit(pe * logic.decoder(number_bits, place_bits), pe * registers, memory)
