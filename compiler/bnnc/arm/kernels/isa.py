"""What kernels have to know of a processor's vector unit."""

from __future__ import annotations

from dataclasses import dataclass

from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, bits_as, splat
from bnnc.targets import Target

MAX_BYTE_STEPS = 31  # a byte counts at most 8 bits a step: 31 * 8 < 256


@dataclass(frozen=True)
class Isa:
    """`vector_bytes` a register; `accumulators` registers that a tile may hold for its results.

    Where `counts_words`, the unit counts the bits of 32-bit lanes; elsewhere of bytes, and counts have to
    be widened after `MAX_BYTE_STEPS` steps.
    """

    vector_bytes: int
    accumulators: int
    counts_words: bool
    is_neon: bool

    @property
    def lanes(self) -> int:
        """32-bit lanes of a register."""
        return self.vector_bytes // 4

    @property
    def count_type(self) -> tuple[str, int]:
        """Element type and lanes of a register of counts."""
        return ("uint32", self.lanes) if self.counts_words else ("uint8", self.vector_bytes)

    def counts(self, words: Expr) -> Expr:
        """The bits of each element of the count type, of a uint32 vector."""
        dtype, lanes = self.count_type
        return T.popcount(words if self.counts_words else bits_as(f"{dtype}x{lanes}", words))

    def widen(self, counts: Expr) -> Expr:
        """int32 counts of each 32-bit lane."""
        if self.counts_words:
            return bits_as(f"int32x{self.lanes}", counts)
        return _pairwise(counts, self.lanes) if self.is_neon else _sum_of_bytes(counts, self.lanes)


def isa(target: Target) -> Isa:
    """The vector unit of a target."""
    if target.is_aarch64:
        return Isa(16, 16, False, True)
    if "+avx512vpopcntdq" in target.features:
        return Isa(64, 24, True, False)
    match target.cpu:
        case "x86-64-v4":
            return Isa(64, 16, False, False)
        case "x86-64-v3":
            return Isa(32, 8, False, False)
        case _:
            return Isa(16, 8, False, False)


def _pairwise(counts: Expr, lanes: int) -> Expr:
    halves = T.call_llvm_pure_intrin(f"int16x{2 * lanes}", "llvm.aarch64.neon.uaddlp", counts)
    return T.call_llvm_pure_intrin(f"int32x{lanes}", "llvm.aarch64.neon.uaddlp", halves)


def _sum_of_bytes(counts: Expr, lanes: int) -> Expr:
    """Add neighbours twice: bytes in 16 bits (no carry leaves them), then these in 32."""
    pairs = bits_as(f"uint16x{2 * lanes}", counts)
    low, eight = splat(255, 2 * lanes, "uint16"), splat(8, 2 * lanes, "uint16")
    quads = bits_as(f"int32x{lanes}", (pairs & low) + (pairs >> eight))
    return (quads & splat(0xFFFF, lanes)) + (quads >> splat(16, lanes))
