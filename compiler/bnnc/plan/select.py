"""The selection: scores, clusters of scores, and as many of the highest clusters as the limit allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from bnnc.errors import BnncError
from bnnc.plan.clusters import Indices, kmeans_1d


@dataclass(frozen=True)
class Selection:
    """`clusters`: indices of layers, the highest scores first. `steps[n]`: the layers that keep real inputs
    if the n highest clusters do. `limit`: how many layers may. `n_kept`: how many clusters do.
    """

    clusters: tuple[Indices, ...]
    steps: tuple[Indices, ...]
    limit: int
    n_kept: int

    @property
    def kept(self) -> Indices:
        """The layers that keep real inputs."""
        return self.steps[self.n_kept]


def layer_scores(errors: Sequence[float], macs: Sequence[int], gamma: float) -> tuple[float, ...]:
    """error / mean(error) + gamma * median(macs) / macs: high where one bit costs much and saves little.

    A mean error of 0 leaves the second term.
    """
    if len(errors) != len(macs) or min(macs, default=1) <= 0:
        raise BnncError.at("scores", "one error and one positive number of MACs a layer are needed")
    if not errors:
        return ()
    lost, work = np.array(errors, np.float64), np.array(macs, np.float64)
    relative = lost / lost.mean() if lost.any() else lost
    return tuple((relative + gamma * np.median(work) / work).tolist())


def select_real_inputs(
    scores: Sequence[float],
    max_real: float,
    clusters: int = 4,
    blocks: Sequence[str] | None = None,
) -> Selection:
    """Which layers keep real inputs, by their scores (`layer_scores`), at most the share `max_real` of them.

    The scores are clustered; the highest clusters are kept until one more would exceed the share. With
    `blocks` (the residual block of each layer, "" for none) a block keeps real inputs as a whole, if more
    than half of its layers are in kept clusters; the share is that of the result.
    """
    if not all(math.isfinite(score) for score in scores):
        raise BnncError.at("scores", "not all of them are finite numbers")
    if not 0 <= max_real <= 1 or clusters < 1:
        raise BnncError.at("selection", f"a share of {max_real} and {clusters} clusters")
    if blocks is not None and len(blocks) != len(scores):
        raise BnncError.at("blocks", f"{len(blocks)} for {len(scores)} layers")
    groups = kmeans_1d([float(score) for score in scores], clusters)
    steps = [_snapped(groups[:n], blocks or [""] * len(scores)) for n in range(len(groups) + 1)]
    # 0.29 * 100 is 28.999999999999996 in float64: a share that makes a whole number has to allow it.
    limit = math.floor(round(max_real * len(scores), 9))
    n_kept = len(list(takewhile(lambda step: len(step) <= limit, steps))) - 1
    return Selection(groups, tuple(steps), limit, n_kept)


def _snapped(groups: Sequence[Indices], blocks: Sequence[str]) -> Indices:
    """The layers of `groups` that are in no block, and all layers of blocks that are mostly in `groups`."""
    members = {index for group in groups for index in group}
    sizes, found = Counter(blocks), Counter(blocks[index] for index in members)
    return tuple(
        index
        for index, block in enumerate(blocks)
        if (2 * found[block] > sizes[block] if block else index in members)
    )
