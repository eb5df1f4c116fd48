"""Folding: how many outputs (PE) and inputs (SIMD) of each matrix are computed at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.hls.lanes import MAX_WEIGHT_BITS, MAX_WORD_BITS, divisors

MAX_PE = 16
Choice = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, order=True)
class Fold:
    pe: int
    simd: int

    def __str__(self) -> str:
        return f"pe {self.pe} with simd {self.simd}"


@dataclass(frozen=True)
class Foldable:
    """A matrix as far as folding goes: `name` in the sources, `node` in the model.

    `cycles` has every folding that is possible, and the cycles of a sample with it.
    """

    name: str
    node: str
    cycles: Mapping[Fold, int]

    def pe_choices(self) -> list[int]:
        return sorted({fold.pe for fold in self.cycles})

    def simd_choices(self) -> list[int]:
        return sorted({fold.simd for fold in self.cycles})


@dataclass(frozen=True)
class MatrixSize:
    """A matrix (outputs, inputs) for each of `vectors` vectors; with groups `inputs` are those of a group.

    `depth` of the inputs lie side by side in the stream. Bits are those of an element; each word has
    `extra_bits` more.
    """

    vectors: int
    outputs: int
    inputs: int
    depth: int
    groups: int
    x_bits: int
    extra_bits: int
    w_bits: int
    y_bits: int

    def cycles(self) -> dict[Fold, int]:
        """Every folding: in a word lie channels of one group, or all the channels of several groups.

        Outputs of several groups are computed at once only if these are all that the groups have: the next
        ones would belong before those of the second group.
        """
        outputs = self.outputs // self.groups
        folds = [Fold(pe, simd) for pe in divisors(outputs) for simd in divisors(self.depth)]
        folds += [Fold(n * outputs, n * self.depth) for n in divisors(self.groups)[1:]]
        return {fold: self._cycles(fold) for fold in folds if self._fits(fold)}

    def _cycles(self, fold: Fold) -> int:
        return self.vectors * (self.outputs // fold.pe) * (self.inputs // min(fold.simd, self.depth))

    def _fits(self, fold: Fold) -> bool:
        """Whether words of the streams and of the weights are narrow enough; single elements always are."""
        in_bits = fold.simd * self.x_bits + self.extra_bits
        weight_bits = min(fold.simd, self.depth) * self.w_bits
        fits_in = fold.simd == 1 or (weight_bits <= MAX_WEIGHT_BITS and in_bits <= MAX_WORD_BITS)
        return fits_in and (fold.pe == 1 or fold.pe * self.y_bits <= MAX_WORD_BITS)


def default_folding(layers: list[Foldable], floor_cycles: int) -> dict[str, Fold]:
    """The smallest folding with which no matrix is slower than the slowest one at MAX_PE has to be.

    `floor_cycles` are those of the slowest other unit: a matrix need not be faster than that.
    """
    fastest = [min(n for fold, n in layer.cycles.items() if fold.pe <= MAX_PE) for layer in layers]
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
    reaching = [fold for fold, cycles in layer.cycles.items() if cycles <= target]
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
    if fold not in layer.cycles:
        fitting = [other for other in sorted(layer.cycles) if other.pe == fold.pe or other.simd == fold.simd]
        what = f"{fold} is not possible: a word holds one group or whole groups, with all of their outputs"
        raise BnncError.at(where, what, f"one of {', '.join(map(str, fitting))} is")
    return fold
