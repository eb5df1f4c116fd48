"""Processing elements as Verilog, alone and as arrays: products, accumulators and thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.verilog import Core, adders, bus, levels, module, pair_wires

from bnnc.hls.model import products
from bnnc.hls.model.functions import function_circuit, thresholds
from bnnc.hls.model.products import Form

WORDS = 9
FORMS = {
    Form.DOT: "with signs",
    Form.EQUAL: "equal bits counted",
    Form.PAIRS: "the formula for pairs",
}


def elements() -> Iterator[Core]:
    for lanes, bits, steps in (
        (8, 10, 1),
        (32, 12, 0),
        (32, 12, 1),
        (32, 12, 3),
        (32, 12, 7),
        (64, 14, 1),
        (64, 14, 3),
    ):
        one = Elements(1, lanes, 1, bits, steps)
        what = f"element of SIMD {lanes}, sums of {bits} bits, {steps} thresholds"
        yield Core(f"element_{lanes}_{bits}_{steps}", what, *one.core(f"element_{lanes}_{bits}_{steps}"))
    for pe, lanes, x_bits, bits in (
        *((4, 8, 1, 10), (4, 16, 1, 11), (4, 32, 1, 12), (4, 64, 1, 14), (16, 32, 1, 12), (16, 64, 1, 14)),
        *((4, 8, 2, 11), (4, 32, 2, 13), (16, 32, 2, 13), (4, 16, 4, 14)),
    ):
        yield from _arrays(Elements(pe, lanes, x_bits, bits, 3 if x_bits == 2 else 1))


def _arrays(made: Elements) -> Iterator[Core]:
    """One array in every form."""
    size = f"{made.pe}_{made.lanes}x{made.x_bits}"
    bits = f"{made.x_bits} bit{'s' if made.x_bits > 1 else ''}"
    for form, how in FORMS.items():
        if form is Form.PAIRS and made.lanes < products.MIN_PAIRED:
            continue
        name = f"array_{size}_{form.lower()}"
        what = f"PE {made.pe}, SIMD {made.lanes}, elements of {bits}, {how}"
        beside = None if form is Form.DOT else f"array_{size}_dot"
        yield Core(name, what, *made.core(name, form), beside=beside)


@dataclass(frozen=True)
class Elements:
    """As templates/hls/mvtu.h.j2 and dot.h.j2 compute them; cuts arrive from a ROM."""

    pe: int
    lanes: int
    x_bits: int
    bits: int
    steps: int

    def core(self, name: str, form: Form = Form.EQUAL) -> tuple[str, float]:
        """Verilog and what the model expects."""
        function = function_circuit(thresholds(self.steps, self.bits, 2), self.pe, 2).lut
        one = products.own(form, self.lanes, self.x_bits, 1) + self._acc_bits(form)
        expected = self.pe * one + products.shared(form, self.lanes, self.x_bits) + function
        ports = [
            f"input clk, first, input {bus(self.lanes * self.x_bits)} x",
            f"input {bus(self.pe * self.lanes)} w, input {bus(self.pe * max(1, self.steps) * self.bits)} t",
            f"output {bus(self.pe * self.bits)} s, output {bus(4 * self.pe)} y",
        ]
        lines = [line for pe in range(self.pe) for line in self._element(form, pe)]
        return module(name, ", ".join(ports), *self._planes(), *self._shared(form), *lines), expected

    def _acc_bits(self, form: Form) -> int:
        return self.bits - int(form is not Form.DOT and self.x_bits == 1)

    def _planes(self) -> list[str]:
        """Bit number p of all elements as wire x{p}."""
        n = self.x_bits
        bits = ([f"x[{i * n + p}]" for i in reversed(range(self.lanes))] for p in range(n))
        return [f"wire {bus(self.lanes)} x{p} = {{{', '.join(plane)}}};" for p, plane in enumerate(bits)]

    def _shared(self, form: Form) -> list[str]:
        """What pairs need of the elements alone."""
        if form is not Form.PAIRS:
            return []
        half, lines, counts = self.lanes // 2, list[str](), list[str]()
        for p in range(self.x_bits):
            counter, ones = adders(f"o{p}", half)
            lines += [
                f"wire {bus(half)} o{p} = x{p}[{half - 1}:0] ^ x{p}[{self.lanes - 1}:{half}];",
                *counter,
            ]
            counts.append(ones)
        return [*lines, f"wire {bus(self._word_bits)} shared = {_weighted(counts)};"]

    @property
    def _word_bits(self) -> int:
        """Of what the products of a word add up to, with a sign."""
        return self.x_bits + self.lanes.bit_length() + 1

    def _element(self, form: Form, pe: int) -> list[str]:
        """Its accumulator starts again with `first`."""
        acc, n_bits, bits = f"acc{pe}", self._acc_bits(form), bus(self._acc_bits(form))
        lines, added = self._signed(pe) if form is Form.DOT and self.x_bits > 1 else self._counted(form, pe)
        start = 0 if form is Form.DOT else self.lanes * WORDS // 2
        value = f"$signed({{next{pe}, 1'b0}})" if n_bits < self.bits else f"next{pe}"
        cuts = [self._part("t", pe * self.steps + i, self.bits) for i in range(self.steps)]
        reached = (f"({value} >= $signed({cut}))" for cut in cuts)
        return [
            f"wire {bus(self.lanes)} w{pe} = {self._part('w', pe, self.lanes)};",
            *lines,
            f"reg signed {bits} {acc};",
            f"wire signed {bits} next{pe} = $signed(first ? -{n_bits}'d{start} : {acc}) + {added};",
            f"always @(posedge clk) {acc} <= next{pe};",
            f"assign {self._part('s', pe, self.bits)} = {value};",
            f"assign {self._part('y', pe, 4)} = {' + '.join(reached) or '0'};",
        ]

    def _part(self, port: str, number: int, bits: int) -> str:
        return f"{port}[{(number + 1) * bits - 1}:{number * bits}]"

    def _counted(self, form: Form, pe: int) -> tuple[list[str], str]:
        """Ones of the bits of each plane."""
        half, lines, counts = self.lanes // 2, list[str](), list[str]()
        for p in range(self.x_bits):
            name = f"p{pe}_{p}_"
            if form is Form.PAIRS:
                counter, ones = adders(name, half)
                lines += pair_wires(name, self.lanes, f"w{pe}", f"x{p}")
            else:
                counter, ones = adders(name, self.lanes)
                sign = "" if form is Form.DOT else "~"
                lines.append(f"wire {bus(self.lanes)} {name} = {sign}(x{p} ^ w{pe});")
            lines += counter
            counts.append(ones)
        own, bits = _weighted(counts), bus(self._word_bits)
        if self.x_bits > 1:
            lines += [f"reg {bits} own{pe};", f"always @(posedge clk) own{pe} <= {own};"]
            own = f"own{pe}"
        match form:
            case Form.DOT:
                return lines, f"({self.bits}'d{self.lanes} - {{{own}, 1'b0}})"
            case Form.EQUAL:
                return lines, f"$signed({{1'b0, {own}}})"
            case Form.PAIRS:
                less = f"$signed({{1'b0, {own}, 1'b0}}) - $signed({{1'b0, shared}})"
                return [*lines, f"wire signed {bits} d{pe} = {less};"], f"d{pe}"

    def _signed(self, pe: int) -> tuple[list[str], str]:
        """Elements that are added or subtracted."""
        bits, lines = self.x_bits + 1, []
        for i in range(self.lanes):
            x = f"$signed({{1'b0, x[{(i + 1) * self.x_bits - 1}:{i * self.x_bits}]}})"
            lines.append(f"wire signed {bus(bits)} p{pe}_{i} = w{pe}[{i}] ? {x} : -{x};")
        tree, total = levels([f"p{pe}_{i}" for i in range(self.lanes)], bits, "signed ", f"l{pe}")
        return [*lines, *tree], total


def _weighted(counted: list[str]) -> str:
    """The sum of counts of ones of planes."""
    return " + ".join(f"({ones}) * {1 << p}" if p else f"({ones})" for p, ones in enumerate(counted))
