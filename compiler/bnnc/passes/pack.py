"""Pass "pack": values that binary kernels read become bit planes, their weights packed words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bnnc.ir.elem import B1_PM
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, MaxPool2d
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedConv, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.types import WORD_BITS, Packed
from bnnc.sim.bits import pack

MAX_PLANE_PAIRS = 4  # an int8 multiply-accumulate costs about as many NEON slots as four bit-plane products
MAX_PLANES = 8  # of a map: what `Pack` takes


@dataclass(frozen=True)
class PackBits:
    """Before: integer level. After: packed level.

    A convolution of b1_pm by b1_pm becomes `XnorConv2d`, one of at most `max_plane_pairs` products of bit
    planes `BitConv2d`; wider ones, and groups that do not fill words, stay `Conv2d` on plain integers. Max
    pooling of one-bit and ternary maps works on the words.
    """

    max_plane_pairs: int = MAX_PLANE_PAIRS
    name: str = "pack"

    def run(self, graph: Graph) -> Graph:
        """The packed graph; a packed one stays what it is."""
        layouts, done = _Layouts(), dict[Op, Op]()
        for op in graph.ops:
            done[op] = self._lower(op, tuple(done[operand] for operand in op.operands), layouts)
        return replace(graph, level=Level.PACKED, result=layouts.plain(done[graph.result]))

    def _lower(self, op: Op, operands: tuple[Op, ...], layouts: _Layouts) -> Op:
        match op:
            case Conv2d() if self._is_binary(op):
                return _packed_conv(op, layouts.packed(operands[0]))
            case MaxPool2d() if op.x.type.elem.name in ("b1_pm", "b1_01", "ter"):
                return PackedMaxPool2d(op.name, layouts.packed(operands[0]), op.kernel, op.strides, op.pads)
            case Pack() | Unpack() | XnorConv2d() | BitConv2d() | PackedMaxPool2d():
                return op.with_operands(*operands)
            case _:
                return op.with_operands(*(layouts.plain(operand) for operand in operands))

    def _is_binary(self, conv: Conv2d) -> bool:
        pairs = conv.x.type.elem.bits * conv.weight_elem.bits
        pad_fits = conv.pad_value == 0 or conv.x.type.elem.holds(conv.pad_value, conv.pad_value)
        fits = pairs <= self.max_plane_pairs and conv.x.type.elem.bits <= MAX_PLANES
        whole = conv.groups == 1 or conv.x.type.shape[2] % (WORD_BITS * conv.groups) == 0
        return whole and pad_fits and fits


@dataclass
class _Layouts:
    """Each value in the layout that is asked for, converted at most once."""

    _packed: dict[Op, Op] = field(default_factory=dict)
    _plain: dict[Op, Op] = field(default_factory=dict)

    def packed(self, op: Op) -> Op:
        """The value as bit planes."""
        if isinstance(op.type, Packed):
            return op
        return self._packed.setdefault(op, Pack(op.name, op))

    def plain(self, op: Op) -> Op:
        """The value as a plain map."""
        if not isinstance(op.type, Packed):
            return op
        return self._plain.setdefault(op, Unpack(op.name, op))


def _packed_conv(conv: Conv2d, x: Op) -> PackedConv:
    words = pack(conv.weights, conv.weight_elem)
    geometry = (conv.strides, conv.pads, conv.dilations, conv.pad_value, conv.groups, conv.scale)
    if x.type.elem == B1_PM and conv.weight_elem == B1_PM:
        return XnorConv2d(conv.name, x, words[:, :, :, 0, :], *geometry)
    return BitConv2d(conv.name, x, words, conv.weight_elem, *geometry)
