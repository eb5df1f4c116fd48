"""Folding: how many outputs (PE) and inputs (SIMD) of each matrix are computed at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bnnc.hls.lanes import MAX_WEIGHT_BITS, MAX_WORD_BITS, divisors
from bnnc.hls.storage import Storage


@dataclass(frozen=True, order=True)
class Fold:
    pe: int
    simd: int

    def __str__(self) -> str:
        return f"pe {self.pe} with simd {self.simd}"


def no_storages(fold: Fold) -> tuple[Storage, ...]:
    """Of a matrix whose weights lie where the tool wants them."""
    return ()


@dataclass(frozen=True)
class Foldable:
    """A matrix as far as folding goes: `name` in the sources, `node` in the model.

    `cycles` has every folding that is possible, and the cycles of a sample with it; `storages` where the
    weights may lie with a folding, the default first. has_thresholds: behind its sums.
    """

    name: str
    node: str
    cycles: Mapping[Fold, int]
    storages: Callable[[Fold], tuple[Storage, ...]] = no_storages
    has_thresholds: bool = False

    def pe_choices(self) -> list[int]:
        return sorted({fold.pe for fold in self.cycles})

    def simd_choices(self) -> list[int]:
        return sorted({fold.simd for fold in self.cycles})


@dataclass(frozen=True)
class MatrixSize:
    """A matrix (outputs, inputs) for each of `vectors` vectors; with groups `inputs` are those of a group.

    `depth` of the inputs lie side by side in the stream, those of a tap; words may hold several of `taps`
    taps. Bits are those of an element; each word has `extra_bits` more a tap.
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
    taps: int = 1

    def cycles(self) -> dict[Fold, int]:
        """Every folding: words hold channels of a tap or a group, all of several taps, or of several groups.

        Outputs of several groups are computed at once only if these are all that the groups have: the next
        ones would belong before those of the second group. Without groups PE need not divide the outputs.
        """
        if self.groups > 1:
            outputs = self.outputs // self.groups
            folds = [Fold(pe, simd) for pe in divisors(outputs) for simd in divisors(self.depth)]
            folds += [Fold(n * outputs, n * self.depth) for n in divisors(self.groups)[1:]]
        else:
            simds = [*divisors(self.depth), *(n * self.depth for n in divisors(self.taps)[1:])]
            folds = [Fold(pe, simd) for simd in simds for pe in self._pes(simd)]
        return {fold: self._cycles(fold) for fold in folds if self._fits(fold)}

    def _pes(self, simd: int) -> list[int]:
        """The divisors, and for other numbers of folds the smallest PE behind which the rest keeps pace.

        Where the last fold of a vector is not full, its outputs leave gcd(PE, outputs) at a time.
        """
        smallest = {self.outputs // pe: pe for pe in divisors(self.outputs)}
        for pe in range(self.outputs - 1, 0, -1):
            folds = -(-self.outputs // pe)
            words = self.outputs // math.gcd(pe, self.outputs)
            if self.outputs % pe and words <= folds * self.inputs // simd:
                smallest[folds] = min(pe, smallest.get(folds, pe))
        return sorted({*divisors(self.outputs), *smallest.values()})

    def _cycles(self, fold: Fold) -> int:
        return self.vectors * -(-self.outputs // fold.pe) * (self.inputs // self._products(fold))

    def _products(self, fold: Fold) -> int:
        """Of an output in one step."""
        return fold.simd if self.groups == 1 else min(fold.simd, self.depth)

    def _fits(self, fold: Fold) -> bool:
        """Whether words of the streams and of the weights are narrow enough; single elements always are."""
        taps = max(1, fold.simd // self.depth) if self.groups == 1 else 1
        in_bits = fold.simd * self.x_bits + taps * self.extra_bits
        weight_bits = self._products(fold) * self.w_bits
        fits_in = fold.simd == 1 or (weight_bits <= MAX_WEIGHT_BITS and in_bits <= MAX_WORD_BITS)
        return fits_in and (fold.pe == 1 or fold.pe * self.y_bits <= MAX_WORD_BITS)
