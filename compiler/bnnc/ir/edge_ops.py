"""The edges of a graph: where real numbers become integers and integers become real numbers again."""

from __future__ import annotations

import math

from bnnc.ir.elem import B1_PM, F32, Elem
from bnnc.ir.op import Array, Op, operation, tensor_of
from bnnc.ir.types import Tensor


@operation
class Input(Op):
    """The one input of the network, float32, one sample in the source's own layout (no batch dimension)."""

    shape: tuple[int, ...]

    def infer(self) -> Tensor:
        self.require(
            all(n > 0 for n in self.shape), f"shape {self.shape} has a dimension that is not positive"
        )
        return Tensor(F32, self.shape)


@operation
class EncodeInput(Op):
    """Real input to integer codes by exact float comparison: y[c] = first + sum_k [x[c] >= cuts[c, k]].

    c is axis 0 of x (cuts float32 (1, K) serve all channels); cuts ascend. `elem` holds first..first+K,
    for `b1_pm` K is 1 and the result is -1 or +1. `values` float32 (1 or C, K+1) are the real numbers that
    the codes stand for in a declared input domain; then x must be one of them, to within rounding (an
    error at run time otherwise). Empty: every x but NaN is legal. `reject` float32 (1 or C, 2) is a
    half-open interval of x that has no code (an exact zero in front of ONNX Sign); empty: none. `scale` as
    in `Threshold`. `is_domain`: the codes are integers that the user declared or the source quantizes its
    input to; False where real numbers are compared because nobody said which integers a device receives.
    """

    x: Op
    cuts: Array
    values: Array
    reject: Array
    scale: Array
    first: int
    elem: Elem
    is_domain: bool = True

    @property
    def unit(self) -> int:
        """The distance of neighbouring codes: 2 for b1_pm, else 1."""
        return 2 if self.elem == B1_PM else 1

    @property
    def last(self) -> int:
        """The largest code."""
        return self.first + self.unit * int(self.cuts.shape[1])

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        channels, n_cuts = self.cuts.shape
        self.require(x.elem == F32, f"encodes float32, not {x}")
        self.require(channels in (1, x.shape[0]), f"{channels} rows of cuts for {x.shape[0]} channels")
        self.require(bool((self.cuts[:, 1:] >= self.cuts[:, :-1]).all()), "the cuts must ascend")
        self.require(
            self.values.size == 0 or self.values.shape[1] == n_cuts + 1, "one value a code is needed"
        )
        if self.elem == B1_PM:
            self.require(n_cuts == 1 and self.first == -1, "b1_pm has one cut and starts at -1")
        else:
            self.require(
                self.elem.holds(self.first, self.first + n_cuts), f"{self.elem} does not hold the codes"
            )
        return Tensor(self.elem, x.shape)


@operation
class ToFloat(Op):
    """An integer result as float32 (rounded to nearest even): where the float tail of a graph begins."""

    x: Op

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        self.require(not x.elem.is_float, "the operand is float already")
        return Tensor(F32, x.shape)


@operation
class Cast(Op):
    """An integer result as another integer type that holds it (int64 of a source's ArgMax, say)."""

    x: Op
    elem: Elem

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        self.require(self.elem.holds(x.elem.lo, x.elem.hi), f"{self.elem} does not hold every {x.elem}")
        return Tensor(self.elem, x.shape)


@operation
class Reshape(Op):
    """The same elements in the same C order under another shape. No data moves."""

    x: Op
    shape: tuple[int, ...]

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        self.require(
            math.prod(self.shape) == x.size, f"{x} has {x.size} elements, {self.shape} another number"
        )
        return Tensor(x.elem, self.shape)


@operation
class ChannelsLast(Op):
    """(C, H, W) of the source's layout to (H, W, C)."""

    x: Op

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        self.require(len(x.shape) == 3, f"a map (C, H, W) is needed, not {x}")
        c, h, w = x.shape
        return Tensor(x.elem, (h, w, c))


@operation
class ChannelsFirst(Op):
    """(H, W, C) to (C, H, W) of the source's layout."""

    x: Op

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        self.require(len(x.shape) == 3, f"a map (H, W, C) is needed, not {x}")
        h, w, c = x.shape
        return Tensor(x.elem, (c, h, w))
