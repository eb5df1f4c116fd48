"""Folding: how many outputs (PE) and inputs (SIMD) of each matrix are computed at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.hls.lanes import MAX_WEIGHT_BITS, MAX_WORD_BITS, divisors

MAX_PE = 16
Choice = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Foldable:
    """A matrix as far as folding goes: `name` in the sources, `node` in the model."""

    name: str
    node: str
    vectors: int
    outputs: int
    inputs: int
    simd_of: int
    x_bits: int
    extra_bits: int
    w_bits: int
    y_bits: int

    def pe_choices(self) -> list[int]:
        """Divisors of the outputs whose results fit into a stream word."""
        return [d for d in divisors(self.outputs) if d == 1 or d * self.y_bits <= MAX_WORD_BITS]

    def simd_choices(self) -> list[int]:
        """Divisors of the inputs whose codes fit into a stream word and their weights into a weight word."""
        return [d for d in divisors(self.simd_of) if d == 1 or self._fits(d)]

    def cycles(self, fold: Fold) -> int:
        return self.vectors * (self.outputs // fold.pe) * (self.inputs // fold.simd)

    def _fits(self, simd: int) -> bool:
        in_bits = simd * self.x_bits + self.extra_bits
        return simd * self.w_bits <= MAX_WEIGHT_BITS and in_bits <= MAX_WORD_BITS


@dataclass(frozen=True)
class Fold:
    pe: int
    simd: int


def default_folding(layers: list[Foldable], floor_cycles: int) -> dict[str, Fold]:
    """The smallest folding with which no matrix is slower than the slowest one at MAX_PE has to be.

    `floor_cycles` are those of the slowest other unit: a matrix need not be faster than that.
    """
    fastest = [
        layer.cycles(Fold(max(d for d in layer.pe_choices() if d <= MAX_PE), layer.simd_choices()[-1]))
        for layer in layers
    ]
    target = max([floor_cycles, *fastest])
    return {layer.name: _cheapest(layer, target) for layer in layers}


def chosen_folding(layers: list[Foldable], chosen: Choice, default: Mapping[str, Fold]) -> dict[str, Fold]:
    """The default, but for layers that `chosen` names, by their name in the model or in the sources."""
    known = {layer.name for layer in layers} | {layer.node for layer in layers}
    findings = [
        Finding(f"folding of {name!r}", "there is no such layer", f"there are {', '.join(sorted(known))}")
        for name in chosen
        if name not in known
    ]
    folds = dict(default)
    for layer in layers:
        wanted = chosen.get(layer.name, chosen.get(layer.node))
        if wanted is not None:
            try:
                folds[layer.name] = _checked(layer, wanted, default[layer.name])
            except BnncError as error:
                findings += error.findings
    raise_all(findings)
    return folds


def _cheapest(layer: Foldable, target: int) -> Fold:
    """Fewest products at once, then fewest elements: a wide word costs less than a second accumulator."""
    folds = [Fold(pe, simd) for pe in layer.pe_choices() for simd in layer.simd_choices()]
    reaching = [fold for fold in folds if layer.cycles(fold) <= target]
    return min(reaching, key=lambda fold: (fold.pe * fold.simd, fold.pe))


def _checked(layer: Foldable, wanted: Mapping[str, int], default: Fold) -> Fold:
    where = f"folding of {layer.node!r}"
    if unknown := sorted(set(wanted) - {"pe", "simd"}):
        raise BnncError.at(where, f"unknown key {unknown[0]!r}", "give pe and simd")
    fold = Fold(wanted.get("pe", default.pe), wanted.get("simd", default.simd))
    choices = {"pe": (fold.pe, layer.pe_choices()), "simd": (fold.simd, layer.simd_choices())}
    raise_all(
        [
            Finding(where, f"{key} {value!r} is not possible", f"one of {', '.join(map(str, possible))} is")
            for key, (value, possible) in choices.items()
            if value not in possible
        ]
    )
    return fold
