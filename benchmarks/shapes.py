"""The layers that are compared, and what others published or were counted to take for them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Shape:
    """A convolution of `size` rows and columns, padded so that stride 1 keeps the map."""

    size: int
    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1

    @property
    def pad(self) -> int:
        return self.kernel // 2

    @property
    def out_size(self) -> int:
        return (self.size + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def macs(self) -> int:
        """Padding counts, as the peers count."""
        return self.out_size**2 * self.outputs * self.kernel**2 * self.inputs // self.groups

    @property
    def name(self) -> str:
        """A C identifier too."""
        parts = [f"k{self.kernel}_h{self.size}_c{self.inputs}_o{self.outputs}"]
        parts += [f"s{self.stride}"] if self.stride > 1 else []
        return "_".join(parts + ([f"g{self.groups}"] if self.groups > 1 else []))

    def __str__(self) -> str:
        step = f" stride {self.stride}" if self.stride > 1 else ""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        ends = f"{self.inputs}->{self.outputs} at {self.size}x{self.size}"
        return f"{self.kernel}x{self.kernel} {ends}{step}{groups}"


@dataclass(frozen=True)
class Peer:
    """Figures of others for a shape, None where there are none.

    `dabnn_ms`: daBNN's own table, Pixel 1, one thread, 2019-05-06 (docs/benchmark_and_comparison.md).
    Instructions: exact counts of the compiled peers under QEMU, gcc 12 -O3, convolution only: daBNN at commit
    d93aa95, LCE (larq compute-engine) at e6860fc with its default BGEMM and its indirect kernel to float, and
    the default to packed bits. `cycles` are those of the fastest of them on neoverse-n1 by llvm-mca 19, of
    windows of what they executed. `goal` and `stretch` are the instructions that we set out to reach.
    """

    dabnn_ms: float | None = None
    dabnn: int | None = None
    lce: int | None = None
    lce_indirect: int | None = None
    lce_packed: int | None = None
    cycles: int | None = None
    goal: int | None = None
    stretch: int | None = None

    @property
    def best(self) -> int | None:
        """The fewest instructions of a peer."""
        counted = [n for n in (self.dabnn, self.lce, self.lce_indirect, self.lce_packed) if n is not None]
        return min(counted, default=None)


FOUR = (Shape(56, 64, 64), Shape(28, 128, 128), Shape(14, 256, 256), Shape(7, 512, 512))
SIX = (
    *(Shape(14, 256, 256, 5), FOUR[0], FOUR[1], FOUR[2]),
    *(Shape(14, 256, 256, 3, 2), FOUR[3]),
)
PEERS = {
    SIX[0]: Peer(3.638),
    FOUR[0]: Peer(1.282, 5_157_758, 4_561_718, 4_338_702, 4_361_359, 1_840_000, 2_520_000, 2_300_000),
    FOUR[1]: Peer(0.955, 3_599_698, 3_429_571, 3_521_771, 3_329_388, 1_476_000, 2_270_000, 2_100_000),
    FOUR[2]: Peer(0.970, 3_626_439, 3_170_422, 3_408_592, 3_120_283, 1_443_000, 2_130_000, 2_000_000),
    SIX[4]: Peer(0.268),
    FOUR[3]: Peer(1.254, 4_054_281, 3_253_342, 3_470_253, 3_223_919, 1_483_000, 2_220_000, 2_000_000),
}
# Beside each: the 3x3 of the same depth, against which it may take so much more for a multiply-accumulate.
OTHERS = (
    (Shape(28, 128, 128, 1), FOUR[1]),
    (Shape(14, 256, 256, 1), FOUR[2]),
    (Shape(14, 256, 256, 5), FOUR[2]),
    (Shape(14, 256, 256, 3, 2), FOUR[2]),
    (Shape(14, 256, 256, 3, 1, 4), FOUR[0]),
    (Shape(28, 128, 128, 3, 1, 2), FOUR[0]),
)
MOST_MORE = Fraction(5, 4)
