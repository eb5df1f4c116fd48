"""The source's own operations between an accumulator and a quantizer, on the integers of the simulator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bnnc.executors.locate import Mismatch, first_mismatch
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.elem import B1_PM
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.passes.ranges import reachable
from bnnc.sim import elementwise

if TYPE_CHECKING:
    from bnnc.executors.source import SourceExecutor
    from bnnc.frontends.reader import SourceModel

Quantizer = EncodeInput | Threshold | Table | Rescale
Conv = Conv2d | XnorConv2d | BitConv2d | SparseDense
Accumulator = Conv | SumPool2d | AddMaps
MaxPool = MaxPool2d | PackedMaxPool2d
_MOVES = Pack | Unpack | Narrow | Reshape | ChannelsFirst | ChannelsLast
_NO_SHIFT = 1e-3  # of the distance of two sums: what is less is the rounding of float sums
_GRID_SLACK = 2.0**-20  # of a code: its value is code * scale rounded to float32
_SLACK_ULPS = 8  # of the largest sum, where that is coarse beside the distance of two sums


MAX_SUM_ULPS = 4096  # float sums of up to 10^5 products are not further off than so many ulps of the largest


@dataclass(frozen=True)
class Entry:
    """Where a layer's result stands in the ONNX graph: as `name`, behind `links` that are merged into it."""

    name: str
    links: tuple[src.Elementwise, ...]


@dataclass(frozen=True)
class ChainJudge:
    """Judges quantized values that are not the source's."""

    graph: Graph
    source: SourceExecutor

    @cached_property
    def quantizers(self) -> dict[Op, Quantizer]:
        """The source's quantizers by the operations whose results are their codes."""
        return {place: quantizer for quantizer, place in quantizers_of(self.graph, self.source.read)}

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """Names of the source's operations whose results are needed."""
        names: dict[str, None] = {}
        for quantizer in self.quantizers.values():
            entry = self._entry(_accumulator(quantizer))
            names |= dict.fromkeys([quantizer.name, *([entry.name] if entry else [])])
        return tuple(names)

    def _entry(self, accumulator: Accumulator | None) -> Entry | None:
        return entry_of(self.source.read, accumulator.name) if accumulator else None

    def mismatch(
        self,
        quantizer: Quantizer,
        ours: Array,
        codes: Array,
        values: Mapping[Op, Array],
        theirs: Mapping[str, Array],
        exact: bool,
    ) -> Mismatch | None:
        """What speaks against `ours`, given that the source has other `codes`; None if it is rounding alone.

        The source's operations have to make `ours` of the simulator's sums. With `exact` those have to be the
        source's, to the rounding of its float sums.
        """
        accumulator = _accumulator(quantizer)
        entry = self._entry(accumulator)
        if accumulator is None or entry is None or entry.name not in theirs:
            return first_mismatch(quantizer, codes != ours, codes, ours, "sim", "source") if exact else None
        sums = _Sums.of(accumulator, entry, values[accumulator], theirs[entry.name])
        if not sums.is_certain and not exact:
            return None  # how real numbers belong to an approximated layer's sums is unknown
        far = sums.far()
        if exact and far.any():
            return first_mismatch(accumulator, far, sums.theirs, sums.real, "sim", "source")
        answers = [self._codes(quantizer, entry, real, sums, ours) for real in sums.candidates()]
        wrong = np.logical_and.reduce([answer != ours for answer in answers])
        if not wrong.any():
            return None
        return first_mismatch(quantizer, wrong, answers[0], ours, "sim", "source")

    def _codes(self, quantizer: Quantizer, entry: Entry, real: Array, sums: _Sums, ours: Array) -> Array:
        """The codes that the source makes of real numbers (N, H, W, C) in place of its own sums."""
        moved = real.transpose(0, 3, 1, 2).reshape(sums.shape)
        made = self.source.between(entry.name, quantizer.name, np.ascontiguousarray(moved))
        return source_codes(quantizer, in_layout(quantizer, made, ours.shape))


@dataclass(frozen=True)
class _Sums:
    """An accumulator's sums as real numbers, ours and the source's, float32 (N, H, W, C).

    `unit` (C,): the distance of two sums. `is_certain`: `real` is exactly what the lowering took it for.
    `shape` is that of the source's tensor.
    """

    real: Array
    theirs: Array
    unit: Array
    is_certain: bool
    shape: tuple[int, ...]

    @staticmethod
    def of(accumulator: Accumulator, entry: Entry, sums: Array, theirs: Array) -> _Sums:
        """The layer's scale makes real numbers of sums; a folded input domain shifts them besides."""
        scale, here = _scale(accumulator), in_layout(accumulator, theirs, sums.shape)
        real = _linked(entry.links, sums.astype(np.float32) * scale)
        zero, one = (_linked(entry.links, np.full(sums.shape[-1], n, np.float32) * scale) for n in (0, 1))
        unit = np.abs(one - zero)
        shift = np.median(here.astype(np.float64) - real, axis=(0, 1, 2))
        if not _reads_domain(accumulator) or (np.abs(shift) <= _NO_SHIFT * unit).all():
            return _Sums(real, here, unit, True, theirs.shape)
        return _Sums((real + shift).astype(np.float32), here, unit, False, theirs.shape)

    def far(self) -> Array:
        """Where the sums are not those of the source."""
        largest = np.abs(self.real).max().astype(np.float32)
        slack = np.minimum(self.unit / 2, MAX_SUM_ULPS * np.spacing(largest)) + _SLACK_ULPS * np.spacing(
            largest
        )
        is_far: Array = np.abs(self.theirs.astype(np.float64) - self.real) > slack
        return is_far

    def candidates(self) -> tuple[Array, ...]:
        """The real numbers; where they are known but roughly, also such on both sides of them."""
        if self.is_certain:
            return (self.real,)
        quarter = (self.unit / 4).astype(np.float32)
        return self.real, self.real - quarter, self.real + quarter


def quantizers_of(graph: Graph, read: SourceModel) -> Iterator[tuple[Quantizer, Op]]:
    """The source's quantizers, each with the operation whose result are the codes that the source has.

    That is a max pool behind the quantizer where the source has it in front. A declared domain is none,
    `encode` checks it.
    """
    ranks = {op.name for op in graph.ops if isinstance(op, TopK)}
    known = {op.name: op for op in read.graph.ops}
    for op in graph.ops:
        if not isinstance(op, Quantizer) or op.name in ranks or op.name not in known:
            continue
        theirs = known[op.name]
        if (isinstance(op, EncodeInput) and op.values.size) or _is_channels_last(theirs):
            continue
        place = _place(graph, op, _pools(theirs, (src.MaxPool,)))
        if place is not None and math.prod(place.type.shape) == math.prod(theirs.type.shape):
            yield op, place


def _is_channels_last(op: Op) -> bool:
    """Whether the source has turned its map since the last layer."""
    while isinstance(op, src.Elementwise | src.MaxPool | Reshape):
        op = op.operands[0]
    return isinstance(op, src.Transpose)


def _place(graph: Graph, op: Op, n_pools: int) -> Op | None:
    """The operation behind `op` that has `n_pools` max pools in front of it or is one of them."""
    while _pools(op, (MaxPool2d, PackedMaxPool2d)) < n_pools:
        users = graph.users[op]
        if len(users) != 1 or not isinstance(users[0], Pack | Unpack | MaxPool):
            return None
        op = users[0]
    return op if _pools(op, (MaxPool2d, PackedMaxPool2d)) == n_pools else None


def _pools(op: Op, kinds: tuple[type[Op], ...]) -> int:
    """How many operations of these kinds the result of `op` went through."""
    count = 0
    while True:
        count += isinstance(op, kinds)
        if not op.operands:
            return count
        op = op.operands[0]


def source_codes(quantizer: Quantizer, values: Array) -> Array:
    """float64: the integers of the source's real values (N, .., channel).

    NaN where a value is no code, or none that the lowering took for reachable.
    """
    scale = quantizer.scale.astype(np.float64)
    if isinstance(quantizer, EncodeInput):
        scale = scale.reshape(-1, *(1 for _ in values.shape[2:]))
    ratios = values / scale
    codes = np.rint(ratios)
    legal = np.abs(ratios - codes) <= _GRID_SLACK * np.maximum(1, np.abs(codes))
    if isinstance(quantizer, EncodeInput):
        legal &= (codes >= quantizer.first) & (codes <= quantizer.last)
    else:
        reach = reachable(quantizer)
        legal &= (codes >= reach.lo) & (codes <= reach.hi)
    return np.where(legal if quantizer.elem != B1_PM else legal & (codes != 0), codes, np.nan)


def in_layout(op: Op, values: Array, shape: tuple[int, ...]) -> Array:
    """Values of the source (N, C, H, W), or flattened, with the channel last; the input keeps its layout."""
    if isinstance(op, EncodeInput) or len(shape) != 4:
        return values.reshape(shape)
    n, height, width, channels = shape
    return values.reshape(n, channels, height, width).transpose(0, 2, 3, 1)


def entry_of(read: SourceModel, layer: str) -> Entry | None:
    """Where the result of a layer of the source graph stands in the ONNX graph: a bias is merged into it."""
    op = next((op for op in read.graph.ops if op.name == layer), None)
    links: list[src.Elementwise] = []
    while op is not None and op.name not in read.tensors:
        users = read.graph.users[op]
        op = users[0] if len(users) == 1 and isinstance(users[0], src.Elementwise | Reshape) else None
        if isinstance(op, src.Elementwise):
            links.append(op)
    return Entry(op.name, tuple(links)) if op is not None else None


def _accumulator(quantizer: Quantizer) -> Accumulator | None:
    """The sums that a quantizer reads, perhaps their maxima."""
    if isinstance(quantizer, EncodeInput):
        return None
    op = quantizer.x
    while isinstance(op, _MOVES | MaxPool):
        op = op.operands[0]
    return op if isinstance(op, Accumulator) else None


def _scale(op: Op) -> Array:
    """float32 () or (C,): what one unit of a value stands for in the source's numbers."""
    while isinstance(op, _MOVES | MaxPool):
        op = op.operands[0]
    match op:
        case SumPool2d():
            return np.asarray(_scale(op.x) / np.float32(op.kernel[0] * op.kernel[1]), np.float32)
        case ConcatChannels():
            sides = [np.broadcast_to(_scale(x), x.type.shape[-1:]) for x in op.operands]
            return np.concatenate(sides)
        case GatherChannels():
            return np.broadcast_to(_scale(op.x), op.x.type.shape[-1:])[op.index]
    assert isinstance(op, Conv | AddMaps | Quantizer), op.mnemonic()
    return op.scale


def _reads_domain(accumulator: Accumulator) -> bool:
    """Whether its sums are of codes of a declared domain, whose offset may be folded into what follows."""
    op: Op = accumulator.operands[0]
    while isinstance(op, _MOVES | MaxPool | SumPool2d):
        op = op.operands[0]
    return isinstance(op, EncodeInput) and op.values.size > 0


def _linked(links: tuple[src.Elementwise, ...], real: Array) -> Array:
    for link in links:
        real = elementwise.apply(link, real)
    return real
