"""What kernels have to know of a processor's vector unit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, bits_as, cast, splat, vector_type
from bnnc.cores import CORES, Core
from bnnc.targets import Target

MAX_BYTE_STEPS = 31  # a byte counts at most 8 bits a step: 31 * 8 < 256


@dataclass(frozen=True)
class Isa:
    """`vector_bytes` a register; `accumulators` registers that a tile may hold for its results.

    Where `counts_words`, the unit counts the bits of 32-bit lanes; elsewhere of bytes, and counts have to
    be widened after `MAX_BYTE_STEPS` steps. `is_neon` is AArch64's; `pairwise` is LLVM's name for what adds
    neighbours in lanes twice as wide, where there is one. A processor without vectors has one lane,
    whose `word` is what it counts at once: uint64, where there is an even number of uint32.
    `in_order` is the name of a core that issues instructions in order and waits for each operand.
    `products` is what multiplies bytes: "sdot", "smlal" or "vnni", or "" where no kernel is for that.
    """

    vector_bytes: int
    accumulators: int
    counts_words: bool
    is_neon: bool
    pairwise: str = ""
    products: str = ""
    in_order: str = ""
    word: str = "uint32"
    core: Core = CORES["generic"]

    @property
    def lanes(self) -> int:
        """32-bit lanes of a register."""
        return self.vector_bytes // 4

    @property
    def word_bytes(self) -> int:
        return 8 if self.word == "uint64" else 4

    @property
    def count_type(self) -> tuple[str, int]:
        """Element type and lanes of a register of counts."""
        return (self.word, self.lanes) if self.counts_words else ("uint8", self.vector_bytes)

    def counts(self, words: Expr) -> Expr:
        """The bits of each element of the count type, of a vector of words."""
        dtype, lanes = self.count_type
        return T.popcount(words if self.counts_words else bits_as(f"{dtype}x{lanes}", words))

    def widen(self, counts: Expr) -> Expr:
        """int32 counts of each 32-bit lane."""
        if self.word == "uint64":
            return cast("int32", counts)
        if self.counts_words:
            return bits_as(vector_type("int32", self.lanes), counts)
        return (
            _pairwise(self.pairwise, counts, self.lanes)
            if self.pairwise
            else _sum_of_bytes(counts, self.lanes)
        )


def isa(target: Target) -> Isa:
    """The vector unit of a target."""
    return replace(_unit(target), core=CORES[target.name])


def _unit(target: Target) -> Isa:
    if target.is_aarch64:
        products = "sdot" if target.has_dot_product else "smlal"
        in_order = target.cpu if CORES[target.name].in_order else ""
        return Isa(16, 16, False, True, "llvm.aarch64.neon.uaddlp", products, in_order)
    if target.is_armv7:
        return Isa(16, 8, False, False, "llvm.arm.neon.vpaddlu")
    if target.is_riscv64:
        return Isa(4, 8, True, False, word="uint64")
    if target.is_freestanding:
        return Isa(4, 8, True, False)
    if "+avx512vpopcntdq" in target.features:
        return Isa(64, 24, True, False, products="vnni")
    match target.cpu:
        case "x86-64-v4":
            return Isa(64, 16, False, False)
        case "x86-64-v3":
            return Isa(32, 8, False, False)
        case _:
            return Isa(16, 8, False, False)


def _pairwise(name: str, counts: Expr, lanes: int) -> Expr:
    halves = T.call_llvm_pure_intrin(f"int16x{2 * lanes}", name, counts)
    return T.call_llvm_pure_intrin(f"int32x{lanes}", name, halves)


def _sum_of_bytes(counts: Expr, lanes: int) -> Expr:
    """Add neighbours twice: bytes in 16 bits (no carry leaves them), then these in 32."""
    pairs = bits_as(f"uint16x{2 * lanes}", counts)
    low, eight = splat(255, 2 * lanes, "uint16"), splat(8, 2 * lanes, "uint16")
    quads = bits_as(f"int32x{lanes}", (pairs & low) + (pairs >> eight))
    return (quads & splat(0xFFFF, lanes)) + (quads >> splat(16, lanes))
