"""Tables of few weights for pruned layers: codebook, uniform, powers of two."""

from __future__ import annotations

import torch
from torch import Tensor

METHODS = ("codebook", "uniform", "power-of-two")
ROUNDS = 50


def codebook(values: Tensor, entries: int) -> Tensor:
    """`entries` centroids of float32 `values` (n,), ascending: k-means, started evenly between the extremes.

    Deep Compression (arXiv 1510.00149), section 3.2. In one dimension a cluster is an interval: cumulative
    sums of the sorted values give every mean.
    """
    ordered = values.double().sort().values
    total = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
    ends = (float(ordered[0]), float(ordered[-1]))
    centroids = torch.linspace(*ends, entries, dtype=torch.float64, device=values.device)
    for _ in range(ROUNDS):
        cuts = torch.searchsorted(ordered, (centroids[1:] + centroids[:-1]) / 2)
        bounds = torch.cat([cuts.new_zeros(1), cuts, cuts.new_full((1,), len(ordered))])
        counts = bounds.diff()
        means = (total[bounds[1:]] - total[bounds[:-1]]) / counts.clamp(min=1)
        moved = torch.where(counts > 0, means, centroids)
        if torch.equal(moved, centroids):
            break
        centroids = moved.sort().values
    return centroids.float()


def uniform(values: Tensor, bits: int) -> Tensor:
    """The integers -h..h without 0, ascending, times max|values| / h; h = 2^(bits-1) - 1."""
    h = (1 << (bits - 1)) - 1
    steps = torch.cat([torch.arange(-h, 0), torch.arange(1, h + 1)])
    return steps.to(values) * (values.abs().max() / h)


def power_of_two(values: Tensor, bits: int) -> Tensor:
    """+-2^n for n = n2..n1, ascending (Incremental Network Quantization, arXiv 1702.03044).

    n1 = floor(log2(4 max|values| / 3)), n2 = n1 + 1 - 2^(bits-2); at most 15 powers, which i16 holds.
    """
    largest = float(values.abs().max())
    n1 = int(torch.frexp(torch.tensor(4 * largest / 3, dtype=torch.float64)).exponent) - 1
    n2 = max(n1 + 1 - (1 << (bits - 2)), n1 - 14)
    powers = 2.0 ** torch.arange(n2, n1 + 1)
    return torch.cat([-powers.flip(0), powers]).to(values)


def nearest(values: Tensor, table: Tensor) -> Tensor:
    """int64, the shape of `values`: the index of the nearest entry of the ascending `table`, ties upwards."""
    return torch.bucketize(values, (table[1:] + table[:-1]) / 2, right=True)
