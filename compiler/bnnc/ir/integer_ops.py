"""Integer level: exact arithmetic on maps (H, W, C) of integer values. Vectors are maps (1, 1, C)."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from bnnc.ir.elem import B1_PM, I32, Elem
from bnnc.ir.geometry import Pads, Pair, output_map
from bnnc.ir.op import Array, Op, map_shape, one, operation, tensor_of
from bnnc.ir.types import Tensor

NO_CUT = 2**31 - 1  # a cut no accumulator reaches: fills up rows of `Threshold.cuts`


@operation
class Conv2d(Op):
    """y[i,j,o] = sum_uvk x[i*s+u*d-pad, j*s+v*d-pad, k] * weights[o,u,v,k], k over the channels of group(o).

    weights (O, kh, kw, C/groups), integers that `weight_elem` holds. Outside the map x is `pad_value`,
    which the type of x need not hold (0 around a b1_pm map is a third value). int32 result. A dense layer
    is a convolution whose kernel covers the whole map. `scale` float32 (() or (O,)) is what one unit of y
    stands for in the source's numbers: metadata that no executor multiplies by.
    """

    x: Op
    weights: Array
    weight_elem: Elem
    strides: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    dilations: Pair = (1, 1)
    groups: int = 1
    pad_value: int = 0
    scale: Array = field(default_factory=one)

    @property
    def kernel(self) -> Pair:
        """(kh, kw)."""
        return self.weights.shape[1], self.weights.shape[2]

    def infer(self) -> Tensor:
        height, width, channels = map_shape(self.x)
        x, w = tensor_of(self.x), self.weights
        self.require(not x.elem.is_float, f"integer operands are needed, not {x}")
        self.require(np.issubdtype(w.dtype, np.integer), f"integer weights are needed, not {w.dtype}")
        self.require(
            channels == w.shape[3] * self.groups, f"weights {w.shape} do not fit {x} in {self.groups} groups"
        )
        self.require(
            w.shape[0] % self.groups == 0, f"{w.shape[0]} outputs do not split into {self.groups} groups"
        )
        held = self.weight_elem.holds(int(w.min()), int(w.max()))
        held &= self.weight_elem != B1_PM or bool(w.all())
        self.require(held, f"{self.weight_elem} does not hold weights {w.min()}..{w.max()}")
        oh, ow = output_map((height, width), self.kernel, self.strides, self.dilations, self.pads)
        self.require(oh > 0 and ow > 0, f"kernel {self.kernel} does not fit into the padded map of {x}")
        return Tensor(I32, (oh, ow, w.shape[0]))


@operation
class Threshold(Op):
    """A step function per channel: y[..., c] = base[c] + sum_k jumps[c, k] * [x[..., c] >= cuts[c, k]].

    base int32 (C,); cuts int32 (C, K), ascending in a row; jumps int32 (C, K). Rows with fewer steps end
    in cuts of NO_CUT with jumps of 0. A decreasing step has a negative jump; a constant channel has no
    step. For b1_pm base is -1 or +1 and jumps are +-2. `scale` float32 (() or (C,)) is what one unit of y
    stands for in the source's numbers: metadata that no executor multiplies by.
    """

    x: Op
    base: Array
    cuts: Array
    jumps: Array
    scale: Array
    elem: Elem

    @property
    def levels(self) -> Array:
        """int64 (C, K+1): y below the first cut, between the cuts and from the last cut on."""
        return np.cumsum(np.hstack([self.base[:, None], self.jumps]), axis=1, dtype=np.int64)

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        channels = x.shape[-1]
        self.require(self.base.shape == (channels,), f"{self.base.shape} bases for {channels} channels")
        self.require(self.cuts.shape == self.jumps.shape, "cuts and jumps differ in shape")
        self.require(self.cuts.shape[:1] == (channels,), f"{self.cuts.shape} cuts for {channels} channels")
        self.require(bool((self.cuts[:, 1:] >= self.cuts[:, :-1]).all()), "cuts must ascend")
        self.require(not self.jumps[self.cuts == NO_CUT].any(), "a filling cut must not jump")
        levels = self.levels
        held = self.elem.holds(int(levels.min()), int(levels.max()))
        self.require(held, f"{self.elem} does not hold the levels")
        is_sign = bool((abs(levels) == 1).all())
        self.require(self.elem != B1_PM or is_sign, "a level of b1_pm is not +-1")
        return Tensor(self.elem, x.shape)


@operation
class Table(Op):
    """A table per channel: y[..., c] = table[c, clip((x[..., c] - first[c]) >> shift, 0, W-1)].

    table (C, W) of `elem`; first int32 (C,). Serves chains of many levels (Tanh into an i8). `scale` as in
    `Threshold`.
    """

    x: Op
    first: Array
    table: Array
    scale: Array
    shift: int
    elem: Elem

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        channels = x.shape[-1]
        self.require(self.first.shape == (channels,), f"{self.first.shape} offsets for {channels} channels")
        self.require(self.table.shape[:1] == (channels,), f"{self.table.shape} table for {channels} channels")
        held = self.elem.holds(int(self.table.min()), int(self.table.max()))
        held &= self.elem != B1_PM or bool(self.table.all())
        self.require(held, f"{self.elem} does not hold the table's values")
        return Tensor(self.elem, x.shape)


@operation
class Narrow(Op):
    """The same integers in a narrower type: y = x. What x can reach has to fit; executors trust that."""

    x: Op
    elem: Elem

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        self.require(not x.elem.is_float, f"narrows integers, not {x}")
        self.require(self.elem.bits < x.elem.bits, f"{self.elem} is not narrower than {x.elem}")
        return Tensor(self.elem, x.shape)


@operation
class MaxPool2d(Op):
    """y[i,j,c] = max of x over a window; taps outside the map do not count."""

    x: Op
    kernel: Pair
    strides: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)

    def infer(self) -> Tensor:
        return Tensor(tensor_of(self.x).elem, pooled_map(self, self.kernel, self.strides, self.pads))


@operation
class SumPool2d(Op):
    """y[i,j,c] = int32 sum of x over a window; taps outside the map count as 0.

    The divisor of an average goes into what follows.
    """

    x: Op
    kernel: Pair
    strides: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)

    def infer(self) -> Tensor:
        return Tensor(I32, pooled_map(self, self.kernel, self.strides, self.pads))


@operation
class TopK(Op):
    """int32 indices of the k largest elements of a vector (1, 1, C), largest first, ties by lowest index."""

    x: Op
    k: int

    def infer(self) -> Tensor:
        height, width, channels = map_shape(self.x)
        self.require((height, width) == (1, 1), f"a vector is needed, not {self.x.type}")
        self.require(0 < self.k <= channels, f"k = {self.k} of {channels} elements")
        return Tensor(I32, (1, 1, self.k))


def pooled_map(op: Op, kernel: Pair, strides: Pair, pads: Pads) -> tuple[int, int, int]:
    """(OH, OW, C) of a pool; refuses a window that does not fit the map or may lie wholly in its padding."""
    height, width, channels = map_shape(op.operands[0])
    top, left, bottom, right = pads
    fits = kernel[0] <= height + top + bottom and kernel[1] <= width + left + right
    op.require(fits, f"window {kernel} does not fit into the padded map of {op.operands[0].type}")
    inside = max(top, bottom) < kernel[0] and max(left, right) < kernel[1]
    op.require(inside, f"pads {pads} let window {kernel} lie outside the map")
    return *output_map((height, width), kernel, strides, (1, 1), pads), channels
