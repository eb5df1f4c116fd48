"""Cores of units as small Verilog modules: what a synthesizer makes of them checks the resource model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from benchmarks.hls_elements import elements
from benchmarks.verilog import Core, Counted, adders, bus, levels, module, pair_wires, tree

from bnnc.hls.codes import Code, code_of
from bnnc.hls.model import logic
from bnnc.hls.model.memory import lut_rom
from bnnc.ir.op import Array

SEED = 5


def all_cores() -> list[Core]:
    return [*_counters(), *elements(), *_products(), *_roms(), *_decoders(), *_constants()]


def _counters() -> Iterator[Core]:
    """Ones of x ^ w, and of h; added in pairs as an HLS tool does, or by full adders that are written out."""
    for lanes in (16, 32, 64):
        half, plain = lanes // 2, f"ones_{lanes}"
        xnor, pairs = [f"wire {bus(lanes)} p = x ^ w;"], pair_wires("p", lanes)
        what = f"ones of {lanes} products"
        in_pairs = logic.ones(lanes, in_pairs=True)
        yield Core(plain, what, _counter(plain, lanes, xnor, tree("p", lanes)), in_pairs)
        name, text = f"full_adders_{lanes}", "by full adders"
        counter = _counter(name, lanes, xnor, adders("p", lanes))
        yield Core(name, f"{what}, {text}", counter, logic.ones(lanes), beside=plain)
        for name, how, wires, counted in (
            (f"pairs_{lanes}", "by the formula for pairs", pairs, tree("p", half)),
            (f"pairs_full_adders_{lanes}", "by both", pairs, adders("p", half)),
        ):
            yield Core(name, f"{what}, {how}", _counter(name, lanes, wires, counted), beside=plain)


def _counter(name: str, lanes: int, wires: list[str], counted: Counted) -> str:
    lines, total = counted
    ports = f"input clk, input {bus(lanes)} x, w, output {bus(lanes.bit_length())} y"
    return module(name, ports, *wires, *lines, f"assign y = {total};")


def _products() -> Iterator[Core]:
    """Sums of eight products; those of a pair and their sum are one stage."""
    lanes = 8
    for x_bits, w_bits in ((2, 1), (4, 1), (8, 1), (2, 2), (4, 2), (4, 4), (8, 8)):
        bits = x_bits + w_bits
        name = f"dot_{x_bits}x{w_bits}"
        head = [f"wire signed {bus(bits)} p{i} = {_product(i, x_bits, w_bits)};" for i in range(lanes)]
        lines, total = levels([f"p{i}" for i in range(lanes)], bits, "signed ")
        ports = f"input clk, input {bus(lanes * x_bits)} x, input {bus(lanes * w_bits)} w"
        text = module(name, f"{ports}, output {bus(bits + 3)} y", *head, *lines, f"assign y = {total};")
        what = f"dot product of 8 elements of {x_bits} bits and weights of {w_bits}"
        yield Core(name, what, text, logic.dot(lanes, x_bits, w_bits))


def _product(i: int, x_bits: int, w_bits: int) -> str:
    x = f"$signed(x[{(i + 1) * x_bits - 1}:{i * x_bits}])"
    if w_bits == 1:
        return f"(w[{i}] ? {x} : -{x})"
    return f"{x} * $signed(w[{(i + 1) * w_bits - 1}:{i * w_bits}])"


def _roms() -> Iterator[Core]:
    rng = np.random.default_rng(SEED)
    for depth in (32, 64, 128, 256, 1024):
        words = rng.integers(0, 256, depth)
        cases = " ".join(f"{i}: y = {word};" for i, word in enumerate(words.tolist()))
        ports = f"input {bus((depth - 1).bit_length())} a, output reg {bus(8)} y"
        text = module(f"rom_{depth}", ports, f"always @* case (a) {cases} endcase")
        yield Core(f"rom_{depth}", f"ROM of {depth} words of 8 bits", text, lut_rom(depth, 8))


def _decoders() -> Iterator[Core]:
    """As templates/hls/coded_sparse.h.j2 decodes, without the memories of codes and symbols."""
    for symbols, place_bits in ((48, 9), (400, 12)):
        code = code_of((1e6 * 0.97 ** np.arange(symbols)).astype(np.int64) + 1)
        name, what = f"decoder_{symbols}", f"decoder of {symbols} symbols in codes of at most 15 bits"
        text = _decoder(name, code, (symbols - 1).bit_length(), place_bits)
        yield Core(name, what, text, logic.decoder((symbols - 1).bit_length(), place_bits))


def _decoder(name: str, code: Code, number_bits: int, place_bits: int) -> str:
    ports = f"input clk, start, input {bus(16)} behind, output reg {bus(place_bits)} at"
    longer = [f"ahead >= {end}" if end < 1 << 15 else "1'b0" for end in code.ends[1:15].tolist()]
    shifts = " ".join(f"{n}: shift = {s % 2**15};" for n, s in enumerate(code.shifts[1:].tolist()))
    halves = [
        f"wire {bus(half)} t{half} = t{2 * half}[{half}] ? t{2 * half}[{2 * half - 1}:{half}] : t{2 * half}"
        f"[{half - 1}:0];"
        for half in (8, 4, 2)
    ]
    return module(
        name,
        f"{ports}, output reg {bus(number_bits)} number",
        "reg [31:0] w0, w1; reg [3:0] u0, u1;",
        f"reg {bus(place_bits)} n0, n1;",
        "wire [31:0] moved = w0 << u0;",
        "wire [14:0] ahead = moved[31:17];",
        f"wire [15:0] t16 = {{1'b0, {', '.join(reversed(longer))}, 1'b0}};",
        *halves,
        "wire [3:0] more = {t16[8], t8[4], t4[2], t2[1]};",
        "wire [4:0] last = u0 + more + 1;",
        "reg [14:0] first; reg [3:0] length; reg [14:0] shift;",
        f"always @* case (length) {shifts} default: shift = 0; endcase",
        "always @(posedge clk) begin",
        "  w0 <= w1; w1 <= last[4] ? {w0[15:0], behind} : w0;",
        "  u0 <= start ? 0 : u1; u1 <= last[3:0];",
        "  n0 <= start ? 0 : n1; n1 <= n0 + last[4];",
        "  at <= n0; first <= ahead; length <= more;",
        "  number <= (first >> (14 - length)) - shift;",
        "end",
    )


def _constants() -> Iterator[Core]:
    for outputs, lanes in ((4, 32), (8, 64)):
        yield from _constant(outputs, lanes)


def _constant(outputs: int, lanes: int) -> Iterator[Core]:
    """A layer that is computed whole in each step: its weights are part of the logic."""
    weights = np.random.default_rng(SEED).integers(0, 2, (outputs, lanes))
    ports = f"input clk, input {bus(lanes)} x, output {bus(outputs * (lanes.bit_length() + 1))} y"
    size = f"{outputs}x{lanes}"
    plain, pairs = f"constant_{size}", f"constant_pairs_{size}"
    what = f"{outputs} outputs of {lanes} constant weights"
    yield Core(plain, what, module(plain, ports, *_plain(weights)))
    yield Core(
        pairs, f"{what}, by the formula for pairs", module(pairs, ports, *_paired(weights)), beside=plain
    )


def _plain(weights: Array) -> list[str]:
    lanes, lines = weights.shape[1], list[str]()
    for o, row in enumerate(weights):
        counter, ones = tree(f"p{o}_", lanes)
        lines += [f"wire {bus(lanes)} p{o}_ = x ^ {_bits(row)};", *counter, _result(o, lanes, ones)]
    return lines


def _paired(weights: Array) -> list[str]:
    lanes = weights.shape[1]
    half = lanes // 2
    odd, ones_odd = tree("odd", half)
    lines = [f"wire {bus(half)} odd = x[{half - 1}:0] ^ x[{lanes - 1}:{half}];", *odd]
    for o, row in enumerate(weights):
        counter, ones = tree(f"p{o}_", half)
        lines += [f"wire {bus(lanes)} w{o} = {_bits(row)};", *pair_wires(f"p{o}_", lanes, f"w{o}"), *counter]
        lines.append(_result(o, lanes, f"{{{ones}, 1'b0}} - {ones_odd}"))
    return lines


def _result(o: int, lanes: int, value: str) -> str:
    bits = lanes.bit_length() + 1
    return f"assign y[{(o + 1) * bits - 1}:{o * bits}] = {value};"


def _bits(row: Array) -> str:
    return f"{len(row)}'b{''.join(map(str, row[::-1].tolist()))}"
