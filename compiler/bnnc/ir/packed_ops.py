"""Packed level: the operations that work on bit planes. Plain integer operations stay as they are."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from bnnc.ir.elem import B1_PM, I32, Elem
from bnnc.ir.geometry import Pads, Pair, output_map
from bnnc.ir.integer_ops import pooled_map
from bnnc.ir.op import Array, Op, map_shape, one, operation, packed_of, tensor_of
from bnnc.ir.types import WORD_BITS, Packed, Tensor, n_words


@operation
class Pack(Op):
    """A plain map (H, W, C) as bit planes."""

    x: Op

    def infer(self) -> Packed:
        x = tensor_of(self.x)
        self.require(not x.elem.is_float and x.elem.bits <= 8, f"packs integers of at most 8 bits, not {x}")
        return Packed(x.elem, map_shape(self.x))


@operation
class Unpack(Op):
    """Bit planes as a plain map (H, W, C)."""

    x: Op

    def infer(self) -> Tensor:
        return Tensor(packed_of(self.x).elem, map_shape(self.x))


@operation
class XnorConv2d(Op):
    """`Conv2d` of a b1_pm map with b1_pm weights: y = N - 2 * popcount(x ^ w) over N taps.

    weights uint32 (O, kh, kw, words): bit i of word j is 1 where the weight of channel 32*j + i is +1;
    lanes past C are 0. Padding with +1 or -1 is a word of ones or zeros in the lanes below C; a tap padded
    with 0 adds nothing: N counts the taps inside the map, and so does the popcount. With `groups` the words
    are those of a group, whose channels fill whole words. `scale` as in `Conv2d`.
    """

    x: Op
    weights: Array
    strides: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    dilations: Pair = (1, 1)
    pad_value: int = 0
    groups: int = 1
    scale: Array = field(default_factory=one)

    @property
    def kernel(self) -> Pair:
        """(kh, kw)."""
        return self.weights.shape[1], self.weights.shape[2]

    def infer(self) -> Tensor:
        self.require(packed_of(self.x).elem == B1_PM, f"b1_pm is needed, not {self.x.type}")
        self.require(self.pad_value in (-1, 0, 1), f"pad value {self.pad_value} is not -1, 0 or 1")
        return packed_conv_type(self, self.kernel)


@operation
class BitConv2d(Op):
    """`Conv2d` on bit planes ("bit-serial"), for every pair of element types that are not both b1_pm.

    weights uint32 (O, kh, kw, weight_elem.bits, words), planes as in `Packed`. With the code of a value
    written as a = a0 + sum_p ca[p] * plane_p (two's complement: a0 = 0, ca = 1, 2, .., the last one
    negative when signed; b1_pm: a0 = -1, ca = 2) the products over N lanes are y = N*a0*w0 + a0*sum_q
    cw[q]*pc(w_q) + w0*sum_p ca[p]*pc(a_p) + sum_pq ca[p]*cw[q]*pc(a_p & w_q). For ter x b1_pm this is
    2*pc(a_0 & (a_1 ^ w)) - pc(a_0). Padding is by value and `scale` is metadata, as in `Conv2d`; `groups`
    as in `XnorConv2d`.
    """

    x: Op
    weights: Array
    weight_elem: Elem
    strides: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    dilations: Pair = (1, 1)
    pad_value: int = 0
    groups: int = 1
    scale: Array = field(default_factory=one)

    @property
    def kernel(self) -> Pair:
        """(kh, kw)."""
        return self.weights.shape[1], self.weights.shape[2]

    def infer(self) -> Tensor:
        self.require(self.weights.shape[3] == self.weight_elem.bits, "one plane a weight bit is needed")
        return packed_conv_type(self, self.kernel)


@operation
class PackedMaxPool2d(Op):
    """`MaxPool2d` of a b1_pm, b1_01 or ter map on its words: OR of the bits.

    ter: negative = all negative; not zero = (some positive) | (all negative).
    """

    x: Op
    kernel: Pair
    strides: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)

    def infer(self) -> Packed:
        x = packed_of(self.x)
        self.require(x.elem.name in ("b1_pm", "b1_01", "ter"), f"{x.elem} has no maximum on words")
        return Packed(x.elem, pooled_map(self, self.kernel, self.strides, self.pads))


PackedConv = XnorConv2d | BitConv2d


def packed_conv_type(op: PackedConv, kernel: Pair) -> Tensor:
    """int32 (OH, OW, O) of a convolution over a packed map."""
    height, width, channels = map_shape(op.x)
    op.require(op.weights.dtype == np.uint32, f"weights are packed in uint32, not {op.weights.dtype}")
    whole = op.groups == 1 or channels % (WORD_BITS * op.groups) == 0
    op.require(whole, f"{op.groups} groups of {op.x.type} do not fill whole words")
    op.require(op.weights.shape[0] % op.groups == 0, f"{op.weights.shape[0]} outputs in {op.groups} groups")
    fits = op.weights.shape[-1] == n_words(channels // op.groups)
    op.require(fits, f"weights {op.weights.shape} do not fit {op.x.type}")
    oh, ow = output_map((height, width), kernel, op.strides, op.dilations, op.pads)
    op.require(oh > 0 and ow > 0, f"kernel {kernel} does not fit into the padded map of {op.x.type}")
    return Tensor(I32, (oh, ow, op.weights.shape[0]))
