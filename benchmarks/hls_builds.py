"""Published builds of BNN-PYNQ on xc7z020: their folding, what they took, and what the model sees in them.

From github.com/Xilinx/BNN-PYNQ: bnn/src/network/*/hw (config.h, top.cpp) and the utilization reports in
bnn/src/network/*/README.md (Vivado 2018.2), with the engines of the finn-hlslib that it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bnnc.hls.model import logic
from bnnc.hls.model.compute import elements_circuit
from bnnc.hls.model.functions import function_circuit, thresholds
from bnnc.hls.model.memory import bram18s, fifo_cost, is_small, lut_ram
from bnnc.hls.model.moving import position_circuit, width_circuit
from bnnc.hls.model.resources import Circuit, Resources, total

BRAM18S = 280  # of an xc7z020
SHELL_BRAM18S = 4  # of the port to the memory of the host, which buffers reads and writes of 64 bits
KERNEL = 3
SUM_BITS = 16
DEFAULT_FIFO = 2


@dataclass(frozen=True)
class Layer:
    """A matrix (outputs, inputs); a convolution has windows of a map of `size` x `size`.

    It reads words of in_bits and writes words of out_bits; `fifo` is the depth of the stream behind it.
    """

    inputs: int
    outputs: int
    simd: int
    pe: int
    in_bits: int
    out_bits: int
    fifo: int = DEFAULT_FIFO
    size: int | None = None

    @property
    def words(self) -> int:
        return self.inputs // self.simd

    @property
    def folds(self) -> int:
        return self.outputs // self.pe


@dataclass(frozen=True)
class Published:
    """Slice LUTs, slice registers and block RAMs of 36 kbit."""

    lut: int
    ff: int
    bram36: float


@dataclass(frozen=True)
class Build:
    """A network with weights of w_bits and activations of a_bits; x_bits are those of its input.

    FIFOs are those beside the ones behind layers, (depth, bits); pools are (pixels of a row, channels).
    """

    name: str
    published: Published
    x_bits: int
    w_bits: int
    a_bits: int
    layers: tuple[Layer, ...]
    fifos: tuple[tuple[int, int], ...]
    pools: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Array:
    """A memory that is written at run time and read; `is_bound` where a pragma says block RAM."""

    depth: int
    bits: int
    is_bound: bool = False

    @property
    def is_small(self) -> bool:
        return not self.is_bound and is_small(self.depth, self.bits)

    @property
    def bram18(self) -> int:
        return bram18s(self.depth, self.bits)

    @property
    def lut(self) -> int:
        return lut_ram(self.depth, self.bits)


@dataclass(frozen=True)
class Seen:
    """What the model sees in a build: units, their logic, and what memories and FIFOs take."""

    units: int
    circuit: Circuit


def seen(build: Build) -> Seen:
    circuits = list(_circuits(build))
    fifos = total(fifo_cost(*fifo) for fifo in _fifos(build))
    memory = fifos + _placed(list(_arrays(build)), BRAM18S - SHELL_BRAM18S - fifos.bram18)
    return Seen(len(circuits), sum(circuits, Circuit(0, 0, memory)))


def _bits(build: Build) -> Iterator[tuple[Layer, int, int]]:
    """Each layer with the bits of its elements and of its results; the last of a CNV hands on its sums."""
    for layer in build.layers:
        is_first, is_last = layer is build.layers[0], layer is build.layers[-1]
        y_bits = build.a_bits if not is_last else 16 if build.pools else 1
        yield layer, build.x_bits if is_first else build.a_bits, y_bits


def _circuits(build: Build) -> Iterator[Circuit]:
    for layer, x_bits, y_bits in _bits(build):
        yield from _converter(layer.in_bits, layer.simd * x_bits)
        if layer.size is not None:
            words = layer.size * layer.inputs // KERNEL**2 // layer.simd
            yield position_circuit((KERNEL + 1) * words, layer.simd * x_bits)
        yield _matrix(build, layer, x_bits, y_bits)
        yield from _converter(layer.pe * y_bits, layer.out_bits)
    for size, channels in build.pools:
        held = size // 2 * channels * build.a_bits
        join = channels * (1 if build.a_bits == 1 else build.a_bits + logic.comparator(build.a_bits))
        yield Circuit(join + logic.multiplexer(size // 2, channels * build.a_bits), held)
        if build.a_bits > 1:
            yield from _converter(64 * (1 + channels // 128), channels * build.a_bits)
            yield from _converter(channels * build.a_bits, 64 * (1 + channels // 128))


def _matrix(build: Build, layer: Layer, x_bits: int, y_bits: int) -> Circuit:
    """The vector waits in registers, with a multiplexer behind them."""
    in_bits = layer.simd * x_bits
    elements = elements_circuit(layer.pe, layer.simd, x_bits, build.w_bits, SUM_BITS, None)
    compared = function_circuit(thresholds(_steps(y_bits), SUM_BITS, y_bits), layer.pe, layer.folds)
    counters = logic.counter(layer.words) + logic.counter(layer.folds)
    vector = Circuit(logic.multiplexer(layer.words, in_bits) + counters, layer.words * in_bits)
    return elements + Circuit(compared.lut, compared.ff) + vector


def _steps(y_bits: int) -> int:
    return 0 if y_bits == 16 else 2**y_bits - 1


def _converter(from_bits: int, to_bits: int) -> Iterator[Circuit]:
    narrow, wide = sorted((from_bits, to_bits))
    if narrow != wide:
        yield width_circuit(narrow, wide // narrow)


def _arrays(build: Build) -> Iterator[Array]:
    """Weights, thresholds and the four lines of a window, which are in block RAM by pragma."""
    for layer, x_bits, y_bits in _bits(build):
        for _ in range(layer.pe):
            yield Array(layer.words * layer.folds, layer.simd * build.w_bits)
        for _ in range(layer.pe * _steps(y_bits)):
            yield Array(layer.folds, 24 if x_bits == 8 else SUM_BITS)
        if layer.size is not None:
            words = layer.size * layer.inputs // KERNEL**2 // layer.simd
            yield from [Array(words, layer.simd * x_bits, is_bound=True)] * (KERNEL + 1)


def _placed(arrays: list[Array], bram18s: int) -> Resources:
    """Arrays in block RAM; those where it costs least per block in tables, if there are not enough blocks."""
    luts = [array for array in arrays if array.is_small]
    blocks = [array for array in arrays if not array.is_small]
    for array in sorted(blocks, key=lambda a: (a.is_bound, a.lut / a.bram18)):
        if sum(a.bram18 for a in blocks) > bram18s:
            blocks.remove(array)
            luts.append(array)
    return Resources(lut=sum(a.lut for a in luts), bram18=sum(a.bram18 for a in blocks))


def _fifos(build: Build) -> Iterator[tuple[int, int]]:
    yield from build.fifos
    for layer in build.layers:
        yield layer.fifo, layer.out_bits


def _cnv(*folding: tuple[int, int]) -> tuple[Layer, ...]:
    """SIMD and PE of each layer."""
    shapes = (
        (27, 64, 24, 64, 128, 32),
        (576, 64, 64, 64, 2, 30),
        (576, 128, 64, 128, 128, 14),
        (1152, 128, 128, 128, 2, 12),
        (1152, 256, 128, 256, 2, 5),
        (2304, 256, 256, 256, 2, 3),
        (256, 512, 256, 64, 128, None),
        (512, 512, 64, 64, 3, None),
        (512, 64, 64, 64, 2, None),
    )
    return tuple(
        Layer(inputs, outputs, simd, pe, in_bits, out_bits, fifo, size)
        for (inputs, outputs, in_bits, out_bits, fifo, size), (simd, pe) in zip(shapes, folding, strict=True)
    )


CNV_FIFOS = ((2, 64), (2, 192), (128, 24), (128, 64), (81, 128))
CNV_POOLS = ((28, 64), (10, 128))
CNV_W1 = _cnv((3, 16), (32, 32), (32, 16), (32, 16), (32, 4), (32, 1), (4, 1), (8, 1), (1, 4))
CNV_W2 = _cnv((3, 8), (16, 16), (16, 8), (16, 8), (8, 4), (8, 1), (2, 1), (2, 2), (1, 4))


def _lfc(a_bits: int) -> tuple[Layer, ...]:
    """Streams hold 512 results."""
    return (
        Layer(832, 1024, 64, 32, 64, 32 * a_bits, 16),
        Layer(1024, 1024, 32, 64, 32 * a_bits, 64 * a_bits, 8),
        Layer(1024, 1024, 64, 32, 64 * a_bits, 32 * a_bits, 16),
        Layer(1024, 64, 8, 16, 32 * a_bits, 64, 1024),
    )


BUILDS = (
    Build("cnvW1A1", Published(26_072, 41_312, 124), 8, 1, 1, CNV_W1, CNV_FIFOS, CNV_POOLS),
    Build("cnvW1A2", Published(40_321, 56_276, 131.5), 8, 1, 2, CNV_W1, CNV_FIFOS, CNV_POOLS),
    Build("cnvW2A2", Published(37_302, 51_386, 140), 8, 2, 2, CNV_W2, CNV_FIFOS, CNV_POOLS),
    Build("lfcW1A1", Published(28_360, 33_470, 110), 1, 1, 1, _lfc(1), ((1024, 64),)),
    Build("lfcW1A2", Published(48_981, 45_338, 110), 1, 1, 2, _lfc(2), ((1024, 64),)),
)
