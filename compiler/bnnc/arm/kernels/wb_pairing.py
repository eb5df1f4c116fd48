"""The exact inner-product trick on bits ("WB"), which counts two words of a product at once.

For bits w1, w2, x1, x2 (checked over all 16 cases):

    (w1 ^ x1) + (w2 ^ x2) = (w1 ^ w2) - (x1 ^ x2) + 2 h,    h = (w1 ^ x2) ? ~(w1 ^ w2) : (x1 ^ x2)

so that an exclusive or, a selection, a count and an addition do for two words what takes six operations
otherwise. Weights are stored as W = w1 and A = ~(w1 ^ w2), the map as X = x2 and B = x1 ^ x2. Over N lanes
the product of a window is y = N - 2 pc(w1 ^ w2) + 2 pc(B) - 4 pc(h): the first two terms are a constant of
an output channel, the third one belongs to a pixel. Lanes past the channels are 0 in W, X and B: h is 0.
S. Winograd, A new algorithm for inner product, IEEE Trans. Computers C-17 (1968).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array


@dataclass(frozen=True)
class Pairing:
    """How the `words` of a tap are paired: `half` successive words with the `half` words behind them."""

    words: int
    half: int

    @property
    def pairs(self) -> int:
        """Pairs of a tap. The second half of the last one may be missing: then it is 0."""
        return -(-self.words // (2 * self.half))

    def halves(self, words: Array) -> tuple[Array, Array]:
        """uint32 (..., words) to its first and second halves, (..., pairs, half) each."""
        padded = np.zeros((*words.shape[:-1], 2 * self.half * self.pairs), np.uint32)
        padded[..., : self.words] = words
        split = padded.reshape(*words.shape[:-1], self.pairs, 2, self.half)
        return split[..., 0, :], split[..., 1, :]

    def weights(self, words: Array) -> Array:
        """uint32 (..., words) to W and A, (..., pairs, 2, half)."""
        first, second = self.halves(words)
        return np.stack([first, ~(first ^ second)], axis=-2)

    def own_count(self, words: Array) -> Array:
        """int64 (...): pc(w1 ^ w2) of uint32 (..., words)."""
        first, second = self.halves(words)
        count: Array = np.bitwise_count(first ^ second).sum(axis=(-2, -1), dtype=np.int64)
        return count


def pairing(words: int, most: int) -> Pairing:
    """The widest halves, of `most` words, that the words of a tap divide into."""
    return Pairing(words, next(half for half in (4, 2, 1) if half <= most and words % half == 0))
