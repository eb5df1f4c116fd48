"""Folding: how many outputs (PE) and inputs (SIMD) of each matrix are computed at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bnnc.hls.lanes import MAX_WEIGHT_BITS, MAX_WORD_BITS, divisors


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
