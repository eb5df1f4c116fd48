"""Cores of units as small Verilog modules: what a synthesizer makes of them checks the resource model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bnnc.hls.codes import Code, code_of
from bnnc.hls.model import logic
from bnnc.hls.model.functions import function_circuit, thresholds
from bnnc.hls.model.memory import lut_rom
from bnnc.ir.op import Array

SEED = 5
Counted = tuple[list[str], str]


@dataclass(frozen=True)
class Core:
    """A module called `name`, with as many tables as the model expects, where it has a formula for it.

    `beside` is the core that computes the same from XNORs that are added in pairs.
    """

    name: str
    what: str
    verilog: str
    expected: float | None = None
    beside: str | None = None


def all_cores() -> list[Core]:
    return [*_counters(), *_elements(), *_products(), *_masked(), *_roms(), *_decoders(), *_constants()]


def _counters() -> Iterator[Core]:
    """Ones of x ^ w, and of h; added in pairs as an HLS tool does, or by full adders that are written out."""
    for lanes in (16, 32, 64):
        half, plain = lanes // 2, f"ones_{lanes}"
        xnor, pairs = [f"wire {_bus(lanes)} p = x ^ w;"], _pair_wires("p", lanes)
        what = f"ones of {lanes} products"
        in_pairs = logic.ones(lanes, in_pairs=True)
        yield Core(plain, what, _counter(plain, lanes, xnor, _tree("p", lanes)), in_pairs)
        name, text = f"full_adders_{lanes}", "by full adders"
        adders = _counter(name, lanes, xnor, _adders("p", lanes))
        yield Core(name, f"{what}, {text}", adders, logic.ones(lanes), beside=plain)
        for name, how, wires, counted in (
            (f"pairs_{lanes}", "by the formula for pairs", pairs, _tree("p", half)),
            (f"pairs_full_adders_{lanes}", "by both", pairs, _adders("p", half)),
        ):
            yield Core(name, f"{what}, {how}", _counter(name, lanes, wires, counted), beside=plain)


def _counter(name: str, lanes: int, wires: list[str], counted: Counted) -> str:
    lines, total = counted
    ports = f"input clk, input {_bus(lanes)} x, w, output {_bus(lanes.bit_length())} y"
    return _module(name, ports, *wires, *lines, f"assign y = {total};")


def _elements() -> Iterator[Core]:
    """Processing elements: products, accumulator and thresholds."""
    for lanes, bits, steps in (
        (8, 10, 1),
        (32, 12, 0),
        (32, 12, 1),
        (32, 12, 3),
        (32, 12, 7),
        (64, 14, 1),
        (64, 14, 3),
    ):
        expected = logic.dot(lanes, 1, 1) + logic.accumulator(bits, lanes)
        expected += function_circuit(thresholds(steps, bits, 2), 1, 2).lut
        name = f"element_{lanes}_{bits}_{steps}"
        what = f"element of SIMD {lanes}, sums of {bits} bits, {steps} thresholds"
        yield Core(name, what, _element(name, lanes, bits, steps), expected)
    for lanes, bits in ((32, 12), (64, 14)):
        yield _paired_element(lanes, bits)


def _element(name: str, lanes: int, bits: int, steps: int) -> str:
    """As templates/hls/mvtu.h.j2 and dot.h.j2 compute it; thresholds arrive from a ROM."""
    ports = [
        f"input clk, first, input {_bus(lanes)} x, w, input {_bus(max(1, steps) * bits)} t",
        f"output reg {_bus(bits)} sum, output {_bus(4)} y",
    ]
    reached = (f"($signed(next) >= $signed(t[{(i + 1) * bits - 1}:{i * bits}]))" for i in range(steps))
    lines, ones = _adders("p", lanes)
    return _module(
        name,
        ", ".join(ports),
        f"wire {_bus(lanes)} p = x ^ w;",
        *lines,
        f"wire {_bus(bits)} next = (first ? {bits}'d0 : sum) + ({bits}'d{lanes} - {{{ones}, 1'b0}});",
        "always @(posedge clk) sum <= next;",
        f"assign y = {' + '.join(reached) or '0'};",
    )


def _products() -> Iterator[Core]:
    """Sums of eight products; those of a pair and their sum are one stage."""
    lanes = 8
    for x_bits, w_bits in ((2, 1), (4, 1), (8, 1), (2, 2), (4, 2), (4, 4), (8, 8)):
        bits = x_bits + w_bits
        name = f"dot_{x_bits}x{w_bits}"
        head = [f"wire signed {_bus(bits)} p{i} = {_product(i, x_bits, w_bits)};" for i in range(lanes)]
        lines, total = _levels([f"p{i}" for i in range(lanes)], bits, "signed ")
        ports = f"input clk, input {_bus(lanes * x_bits)} x, input {_bus(lanes * w_bits)} w"
        text = _module(name, f"{ports}, output {_bus(bits + 3)} y", *head, *lines, f"assign y = {total};")
        what = f"dot product of 8 elements of {x_bits} bits and weights of {w_bits}"
        yield Core(name, what, text, logic.dot(lanes, x_bits, w_bits))


def _masked() -> Iterator[Core]:
    """Elements whose weight is 1: twice their sum is that with signs and the sum of all elements."""
    lanes = 8
    for x_bits in (2, 4, 8):
        name = f"masked_{x_bits}"
        mask = (f"{{{x_bits}{{w[{i}]}}}} & x[{(i + 1) * x_bits - 1}:{i * x_bits}]" for i in range(lanes))
        head = [f"wire signed {_bus(x_bits)} p{i} = {value};" for i, value in enumerate(mask)]
        lines, total = _levels([f"p{i}" for i in range(lanes)], x_bits, "signed ")
        ports = f"input clk, input {_bus(lanes * x_bits)} x, input {_bus(lanes)} w"
        text = _module(name, f"{ports}, output {_bus(x_bits + 3)} y", *head, *lines, f"assign y = {total};")
        what = f"sum of 8 elements of {x_bits} bits under a mask, not with signs"
        yield Core(name, what, text, beside=f"dot_{x_bits}x1")


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
        ports = f"input {_bus((depth - 1).bit_length())} a, output reg {_bus(8)} y"
        text = _module(f"rom_{depth}", ports, f"always @* case (a) {cases} endcase")
        yield Core(f"rom_{depth}", f"ROM of {depth} words of 8 bits", text, lut_rom(depth, 8))


def _decoders() -> Iterator[Core]:
    """As templates/hls/coded_sparse.h.j2 decodes, without the memories of codes and symbols."""
    for symbols, place_bits in ((48, 9), (400, 12)):
        code = code_of((1e6 * 0.97 ** np.arange(symbols)).astype(np.int64) + 1)
        name, what = f"decoder_{symbols}", f"decoder of {symbols} symbols in codes of at most 15 bits"
        text = _decoder(name, code, (symbols - 1).bit_length(), place_bits)
        yield Core(name, what, text, logic.decoder((symbols - 1).bit_length(), place_bits))


def _decoder(name: str, code: Code, number_bits: int, place_bits: int) -> str:
    ports = f"input clk, start, input {_bus(16)} behind, output reg {_bus(place_bits)} at"
    longer = [f"ahead >= {end}" if end < 1 << 15 else "1'b0" for end in code.ends[1:15].tolist()]
    shifts = " ".join(f"{n}: shift = {s % 2**15};" for n, s in enumerate(code.shifts[1:].tolist()))
    halves = [
        f"wire {_bus(half)} t{half} = t{2 * half}[{half}] ? t{2 * half}[{2 * half - 1}:{half}] : t{2 * half}"
        f"[{half - 1}:0];"
        for half in (8, 4, 2)
    ]
    return _module(
        name,
        f"{ports}, output reg {_bus(number_bits)} number",
        "reg [31:0] w0, w1; reg [3:0] u0, u1;",
        f"reg {_bus(place_bits)} n0, n1;",
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


def _paired_element(lanes: int, bits: int) -> Core:
    """The ones of x1 ^ x2 in the whole vector arrive once for all elements and are taken off at the end."""
    half, name = lanes // 2, f"paired_element_{lanes}_{bits}_1"
    lines, ones = _tree("p", half)
    text = _module(
        name,
        f"input clk, first, input {_bus(lanes)} x, w, input {_bus(bits)} t, odd, "
        f"output reg {_bus(bits - 2)} sum, output y",
        *_pair_wires("p", lanes),
        *lines,
        f"wire {_bus(bits - 2)} next = (first ? {bits - 2}'d0 : sum) + {ones};",
        "always @(posedge clk) sum <= next;",
        f"reg {_bus(bits)} all;",
        "always @(posedge clk) all <= {next, 1'b0} - odd;",
        "assign y = $signed(all) >= $signed(t);",
    )
    what = f"element of SIMD {lanes}, 1 threshold, by the formula for pairs"
    return Core(name, what, text, beside=f"element_{lanes}_{bits}_1")


def _constants() -> Iterator[Core]:
    for outputs, lanes in ((4, 32), (8, 64)):
        yield from _constant(outputs, lanes)


def _constant(outputs: int, lanes: int) -> Iterator[Core]:
    """A layer that is computed whole in each step: its weights are part of the logic."""
    weights = np.random.default_rng(SEED).integers(0, 2, (outputs, lanes))
    ports = f"input clk, input {_bus(lanes)} x, output {_bus(outputs * (lanes.bit_length() + 1))} y"
    size = f"{outputs}x{lanes}"
    plain, pairs = f"constant_{size}", f"constant_pairs_{size}"
    what = f"{outputs} outputs of {lanes} constant weights"
    yield Core(plain, what, _module(plain, ports, *_plain(weights)))
    yield Core(
        pairs, f"{what}, by the formula for pairs", _module(pairs, ports, *_paired(weights)), beside=plain
    )


def _plain(weights: Array) -> list[str]:
    lanes, lines = weights.shape[1], list[str]()
    for o, row in enumerate(weights):
        tree, ones = _tree(f"p{o}_", lanes)
        lines += [f"wire {_bus(lanes)} p{o}_ = x ^ {_bits(row)};", *tree, _result(o, lanes, ones)]
    return lines


def _paired(weights: Array) -> list[str]:
    lanes = weights.shape[1]
    half = lanes // 2
    odd, ones_odd = _tree("odd", half)
    lines = [f"wire {_bus(half)} odd;"]
    lines += [f"assign odd[{i}] = x[{2 * i}] ^ x[{2 * i + 1}];" for i in range(half)] + odd
    for o, row in enumerate(weights):
        tree, ones = _tree(f"p{o}_", half)
        lines += [f"wire {_bus(lanes)} w{o} = {_bits(row)};", *_pair_wires(f"p{o}_", lanes, f"w{o}"), *tree]
        lines.append(_result(o, lanes, f"{{{ones}, 1'b0}} - {ones_odd}"))
    return lines


def _result(o: int, lanes: int, value: str) -> str:
    bits = lanes.bit_length() + 1
    return f"assign y[{(o + 1) * bits - 1}:{o * bits}] = {value};"


def _bits(row: Array) -> str:
    return f"{len(row)}'b{''.join(map(str, row[::-1].tolist()))}"


def _pair_wires(name: str, lanes: int, w: str = "w") -> list[str]:
    half = lanes // 2
    lines = [f"wire {_bus(half)} {name};"]
    for i in range(half):
        a, b = f"[{2 * i}]", f"[{2 * i + 1}]"
        lines.append(f"assign {name}[{i}] = ({w}{a} ^ x{b}) ? ~({w}{a} ^ {w}{b}) : (x{a} ^ x{b});")
    return lines


def _tree(wire: str, n: int) -> Counted:
    """Adds the bits of a wire in pairs, a register behind every adder."""
    return _levels([f"{wire}[{i}]" for i in range(n)], 1, "", wire)


def _levels(terms: list[str], bits: int, sign: str, prefix: str = "l") -> Counted:
    lines = []
    while len(terms) > 1:
        bits += 1
        names = [f"{prefix}_{bits}_{i}" for i in range((len(terms) + 1) // 2)]
        for i, name in enumerate(names):
            lines.append(f"reg {sign}{_bus(bits)} {name};")
            lines.append(f"always @(posedge clk) {name} <= {' + '.join(terms[2 * i : 2 * i + 2])};")
        terms = names
    return lines, terms[0]


def _adders(wire: str, n: int) -> Counted:
    """Full adders of a third of the bits each, whose sums and carries are counted in the same way."""
    third = -(-n // 3)
    if n <= 3:
        return [], " + ".join(f"{wire}[{i}]" for i in range(n))
    a, b = (f"{wire}[{(i + 1) * third - 1}:{i * third}]" for i in range(2))
    c = f"{wire}[{n - 1}:{2 * third}]"
    ones, carries = _adders(f"{wire}s", third), _adders(f"{wire}c", third)
    lines = [
        f"wire {_bus(third)} {wire}s = {a} ^ {b} ^ {c};",
        f"wire {_bus(third)} {wire}c = ({a} & {b}) | ({c} & ({a} ^ {b}));",
        *ones[0],
        *carries[0],
        f"reg {_bus(n.bit_length())} {wire}n;",
        f"always @(posedge clk) {wire}n <= ({ones[1]}) + 2 * ({carries[1]});",
    ]
    return lines, f"{wire}n"


def _bus(bits: int) -> str:
    return f"[{bits - 1}:0]"


def _module(name: str, ports: str, *body: str) -> str:
    return "\n".join([f"module {name}({ports});", *(f"  {line}" for line in body), "endmodule", ""])
