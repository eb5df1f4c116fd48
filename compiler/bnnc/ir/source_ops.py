"""Source level: the trained network as its author wrote it, on real numbers, in the source's layout.

Maps are (C, H, W), vectors (F,); the batch is left out and the channel is axis 0. A per-channel constant
has shape (C,), a shared one (). Every elementwise operation rounds once per arithmetic step to float32, in
the order of its formula.
"""

from __future__ import annotations

import math

import numpy as np

from bnnc.ir.codes import code_range
from bnnc.ir.elem import F32, I64
from bnnc.ir.geometry import Pads, Pair, output_map
from bnnc.ir.op import Array, Op, operation, tensor_of
from bnnc.ir.types import Tensor


def _same_type(op: Elementwise, *constants: Array) -> Tensor:
    x = tensor_of(op.x)
    for constant in constants:
        fits = constant.shape in ((), x.shape[:1])
        op.require(
            fits, f"a constant of shape {constant.shape} is neither one number nor one a channel of {x}"
        )
    return Tensor(F32, x.shape)


@operation
class Elementwise(Op):
    """A function of one real number, the same for all elements of a channel."""

    x: Op

    def infer(self) -> Tensor:
        return _same_type(self, *self.constants.values())


@operation
class Mul(Elementwise):
    """x * c"""

    c: Array


@operation
class Add(Elementwise):
    """x + c"""

    c: Array


@operation
class Sub(Elementwise):
    """x - c"""

    c: Array


@operation
class SubFrom(Elementwise):
    """c - x"""

    c: Array


@operation
class Div(Elementwise):
    """x / c"""

    c: Array


@operation
class DivInto(Elementwise):
    """c / x"""

    c: Array


@operation
class Pow(Elementwise):
    """x ** c"""

    c: Array


@operation
class BatchNorm(Elementwise):
    """x * g + h with g = gamma * (1 / sqrt(var + epsilon)) and h = beta - mean * g, each step in float32.

    That is how onnxruntime computes BatchNormalization.
    """

    gamma: Array
    beta: Array
    mean: Array
    var: Array
    epsilon: float

    @property
    def affine(self) -> tuple[Array, Array]:
        """(g, h), float32."""
        one, epsilon = np.float32(1), np.float32(self.epsilon)
        g = self.gamma * (one / np.sqrt(self.var + epsilon))
        return g, self.beta - self.mean * g


@operation
class Relu(Elementwise):
    """max(x, 0)"""


@operation
class PRelu(Elementwise):
    """x < 0 ? slope * x : x"""

    slope: Array


@operation
class Clip(Elementwise):
    """min(max(x, lo), hi)"""

    lo: float
    hi: float


@operation
class HardSigmoid(Elementwise):
    """max(0, min(1, alpha * x + beta))"""

    alpha: float
    beta: float


@operation
class Tanh(Elementwise):
    """tanh(x)"""


@operation
class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))"""


@operation
class Abs(Elementwise):
    """abs(x)"""


@operation
class Neg(Elementwise):
    """-x"""


@operation
class Sqrt(Elementwise):
    """sqrt(x)"""


@operation
class Exp(Elementwise):
    """e ** x"""


@operation
class Round(Elementwise):
    """To the nearest integer, ties to even."""


@operation
class Floor(Elementwise):
    """The largest integer that is not above x."""


@operation
class Ceil(Elementwise):
    """The smallest integer that is not below x."""


@operation
class Select(Elementwise):
    """`x OP cut ? then : other`, OP one of >=, >, <=, <: a sign written as compare + Where."""

    compare: str
    cut: Array
    then: Array
    other: Array

    def infer(self) -> Tensor:
        self.require(self.compare in (">=", ">", "<=", "<"), f"unknown comparison {self.compare!r}")
        return _same_type(self, *self.constants.values())


@operation
class Sign(Elementwise):
    """ONNX Sign: -1, 0 or +1. A quantizer to +-1 only where x is never 0."""


@operation
class BipolarQuant(Elementwise):
    """x >= 0 ? scale : -scale"""

    scale: Array


@operation
class Quant(Elementwise):
    """QONNX Quant: (rounding(clamp(x / scale + zero_point, lo, hi)) - zero_point) * scale.

    lo and hi follow from bits, signed and narrow; rounding is ROUND (half to even), CEIL, FLOOR, UP, DOWN,
    HALF_UP or HALF_DOWN.
    """

    scale: Array
    zero_point: Array
    bits: int
    signed: bool
    narrow: bool
    rounding: str

    @property
    def code_range(self) -> Pair:
        """The smallest and the largest code, before the zero point is taken off."""
        return code_range(self.bits, self.signed, self.narrow)


@operation
class QuantizeLinear(Elementwise):
    """ONNX QuantizeLinear, then DequantizeLinear.

    (clamp(round(x / scale) + zero_point, lo, hi) - zero_point) * scale.
    """

    scale: Array
    zero_point: Array
    lo: int
    hi: int


@operation
class MultiThreshold(Elementwise):
    """FINN's MultiThreshold: out_bias + out_scale * sum_k [x >= thresholds[c, k]].

    thresholds (1, K) or (C, K).
    """

    thresholds: Array
    out_scale: float
    out_bias: float

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        rows = self.thresholds.shape[0]
        self.require(
            self.thresholds.ndim == 2 and rows in (1, x.shape[0]), f"{rows} rows of thresholds for {x}"
        )
        return Tensor(F32, x.shape)


@operation
class Trunc(Elementwise):
    """QONNX Trunc: drops the lowest in_bits - out_bits bits of a quantized value.

    q = round(x / scale + zero_point); (rounding(q / 2**(in_bits - out_bits)) - zero_point) * scale.
    """

    scale: Array
    zero_point: Array
    in_bits: int
    out_bits: int
    rounding: str


@operation
class FixedPoint(Elementwise):
    """clamp(floor(prelu(x * multiplier + before) + after), lo, hi), prelu(t) = t < 0 ? slope * t : t.

    Computed in float64; the constants are float64. Whole numbers result: integers by which a device counts
    in place of real ones.
    """

    multiplier: Array
    before: Array
    slope: Array
    after: Array
    lo: float
    hi: float


@operation
class AddTensors(Op):
    """a + b, element by element: where a residual branch comes back."""

    a: Op
    b: Op

    def infer(self) -> Tensor:
        a, b = tensor_of(self.a), tensor_of(self.b)
        self.require(a == b, f"adds {a} and {b}", "give both the same shape")
        return a


@operation
class Concat(Op):
    """The channels of a, then those of b: along axis 0."""

    a: Op
    b: Op

    def infer(self) -> Tensor:
        a, b = tensor_of(self.a), tensor_of(self.b)
        self.require(a.shape[1:] == b.shape[1:], f"joins {a} and {b}")
        return Tensor(a.elem, (a.shape[0] + b.shape[0], *a.shape[1:]))


@operation
class Gather(Op):
    """The channels `index` int64 (C') of x along axis 0: a split, a shuffle, a duplication."""

    x: Op
    index: Array

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        inside = self.index.ndim == 1 and bool(((self.index >= 0) & (self.index < x.shape[0])).all())
        self.require(inside and self.index.size > 0, f"channels that {x} does not have")
        return Tensor(x.elem, (len(self.index), *x.shape[1:]))


@operation
class Conv(Op):
    """ONNX Conv over (C, H, W): weights (O, C/groups, kh, kw) times `scale` (() or (O,)), no bias.

    weights are float32 (scale 1) or, where the source has a quantizer on them, its integers (minus the
    zero point). Outside the map x is `pad_value`.
    """

    x: Op
    weights: Array
    scale: Array
    strides: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    dilations: Pair = (1, 1)
    groups: int = 1
    pad_value: float = 0.0

    def infer(self) -> Tensor:
        x, w = tensor_of(self.x), self.weights
        self.require(len(x.shape) == 3, f"a map (C, H, W) is needed, not {x}")
        self.require(
            w.ndim == 4, f"2-d kernels are needed, not weights {w.shape}", "reshape 1-d data to H = 1"
        )
        self.require(x.shape[0] == w.shape[1] * self.groups, f"weights {w.shape} do not fit {x}")
        self.require(self.scale.shape in ((), w.shape[:1]), f"scale {self.scale.shape} for weights {w.shape}")
        kernel = (w.shape[2], w.shape[3])
        oh, ow = output_map((x.shape[1], x.shape[2]), kernel, self.strides, self.dilations, self.pads)
        self.require(oh > 0 and ow > 0, f"kernel {kernel} does not fit into the padded map of {x}")
        return Tensor(F32, (w.shape[0], oh, ow))


@operation
class Dense(Op):
    """ONNX MatMul or Gemm on a vector (F,): weights (O, F) times `scale` (() or (O,)), no bias."""

    x: Op
    weights: Array
    scale: Array

    def infer(self) -> Tensor:
        x, w = tensor_of(self.x), self.weights
        self.require(len(x.shape) == 1, f"a vector is needed, not {x}", "flatten it first")
        self.require(w.ndim == 2 and w.shape[1] == x.shape[0], f"weights {w.shape} do not fit {x}")
        self.require(self.scale.shape in ((), w.shape[:1]), f"scale {self.scale.shape} for weights {w.shape}")
        return Tensor(F32, (w.shape[0],))


@operation
class Pad(Op):
    """ONNX Pad of a map (C, H, W) with one number."""

    x: Op
    pads: Pads
    value: float

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        self.require(len(x.shape) == 3 and min(self.pads) >= 0, f"pads {self.pads} of {x}")
        top, left, bottom, right = self.pads
        return Tensor(F32, (x.shape[0], x.shape[1] + top + bottom, x.shape[2] + left + right))


@operation
class MaxPool(Op):
    """ONNX MaxPool over (C, H, W). ceil_mode is resolved into larger pads at the bottom and right."""

    x: Op
    kernel: Pair
    strides: Pair
    pads: Pads

    def infer(self) -> Tensor:
        return _pool_type(self, self.kernel, self.strides, self.pads)


@operation
class AveragePool(Op):
    """ONNX AveragePool over (C, H, W), padding counted (sum over the window / window size)."""

    x: Op
    kernel: Pair
    strides: Pair
    pads: Pads

    def infer(self) -> Tensor:
        return _pool_type(self, self.kernel, self.strides, self.pads)


@operation
class SumPool(Op):
    """The sum over a window of (C, H, W), padding counted as 0: an average that is not divided."""

    x: Op
    kernel: Pair
    strides: Pair
    pads: Pads

    def infer(self) -> Tensor:
        return _pool_type(self, self.kernel, self.strides, self.pads)


@operation
class Transpose(Op):
    """Axes of one sample in another order (the batch stays first)."""

    x: Op
    perm: tuple[int, ...]

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        self.require(sorted(self.perm) == list(range(len(x.shape))), f"permutation {self.perm} of {x}")
        return Tensor(x.elem, tuple(x.shape[axis] for axis in self.perm))


@operation
class Softmax(Op):
    """exp(x - max) / sum exp(x - max) over a vector; only at the end of a network."""

    x: Op

    def infer(self) -> Tensor:
        return _vector_type(self, self.x)


@operation
class LogSoftmax(Op):
    """log(softmax(x)) over a vector; only at the end of a network."""

    x: Op

    def infer(self) -> Tensor:
        return _vector_type(self, self.x)


@operation
class ArgTopK(Op):
    """Indices (int64, (k,)) of the k largest elements of a vector, largest first, ties by lowest index.

    ArgMax is k = 1.
    """

    x: Op
    k: int

    def infer(self) -> Tensor:
        x = _vector_type(self, self.x)
        self.require(0 < self.k <= x.shape[0], f"k = {self.k} of {x.shape[0]} elements")
        return Tensor(I64, (self.k,))


def _pool_type(op: Op, kernel: Pair, strides: Pair, pads: Pads) -> Tensor:
    x = tensor_of(op.operands[0])
    op.require(len(x.shape) == 3, f"a map (C, H, W) is needed, not {x}")
    oh, ow = output_map((x.shape[1], x.shape[2]), kernel, strides, (1, 1), pads)
    op.require(oh > 0 and ow > 0 and math.prod(strides) > 0, f"window {kernel} does not fit into {x}")
    return Tensor(F32, (x.shape[0], oh, ow))


def _vector_type(op: Op, operand: Op) -> Tensor:
    x = tensor_of(operand)
    op.require(len(x.shape) == 1, f"a vector is needed, not {x}")
    return Tensor(F32, x.shape)
