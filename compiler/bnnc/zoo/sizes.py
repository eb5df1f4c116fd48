"""How large a network is when it is packed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from bnnc.nn import BinaryConv2d, BinaryLinear, ProjectionConv2d, QuantConv2d, QuantLinear, SparseLinear

REAL_BYTES = 4
GAP_BITS = 4


@dataclass(frozen=True)
class WeightCount:
    """Weights of binary and real layers, and the bits of sparse ones (a code and a gap an entry).

    Biases, scales and normalizations are not counted.
    """

    binary: int = 0
    real: int = 0
    sparse_bits: int = 0

    @property
    def n_bytes(self) -> int:
        """One bit a binary weight and float32 a real one, as the papers count."""
        return -(-(self.binary + self.sparse_bits) // 8) + REAL_BYTES * self.real


def count_weights(module: nn.Module) -> WeightCount:
    """The weights of `module` by kind; a projection layer has its J kernels."""
    binary = real = sparse_bits = 0
    for layer in module.modules():
        match layer:
            case BinaryConv2d() | BinaryLinear():
                binary += layer.weight.numel()
            case ProjectionConv2d():
                binary += layer.weight.numel() * layer.projections
            case SparseLinear():
                sparse_bits += int(layer.mask.sum()) * (layer.bits + GAP_BITS)
            case QuantConv2d() | QuantLinear() | nn.Conv2d() | nn.Linear():
                real += layer.weight.numel()
    return WeightCount(binary, real, sparse_bits)
