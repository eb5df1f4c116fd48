"""Layers as networks of their own, for the compiler: bits in, bits out, with what stands around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from shapes import Shape

from bnnc.ir.edge_ops import ChannelsLast, EncodeInput, Input, ToFloat
from bnnc.ir.elem import B1_PM, I8, Elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import Pack, Unpack, XnorConv2d
from bnnc.passes.sparsify import sparse_form

SEED = 4
ONE = np.array(1, np.float32)


def binary_conv(shape: Shape, pad_value: int = 0) -> Graph:
    """Packed input, the convolution, a threshold a channel, packed output; the weights are random."""
    rng = np.random.default_rng(SEED)
    bits = Pack(
        "pack", ChannelsLast("order", _codes(B1_PM_CUTS, -1, B1_PM, (shape.inputs, shape.size, shape.size)))
    )
    words = -(-shape.inputs // shape.groups // 32)
    weights = rng.integers(0, 2**32, (shape.outputs, shape.kernel, shape.kernel, words), np.uint32)
    strides, pads = (shape.stride, shape.stride), (shape.pad,) * 4
    conv = XnorConv2d("conv", bits, weights, strides, pads, (1, 1), pad_value, shape.groups)
    packed = Pack("bits", _threshold(rng, conv, shape.kernel**2 * shape.inputs // shape.groups))
    return Graph(shape.name, Level.PACKED, ToFloat("float", Unpack("result", packed)))


def binary_dense(inputs: int, outputs: int) -> Graph:
    """A dense layer on bits."""
    rng = np.random.default_rng(SEED)
    bits = Pack("pack", _codes(B1_PM_CUTS, -1, B1_PM, (1, 1, inputs)))
    weights = rng.integers(0, 2**32, (outputs, 1, 1, -(-inputs // 32)), np.uint32)
    packed = Pack("bits", _threshold(rng, XnorConv2d("dense", bits, weights), inputs))
    return Graph(f"dense_c{inputs}_o{outputs}", Level.PACKED, ToFloat("float", Unpack("result", packed)))


def int8_conv(shape: Shape, largest: int = 127) -> Graph:
    """An int8 convolution of weights up to `largest` whose accumulators become bits."""
    rng = np.random.default_rng(SEED)
    source = ChannelsLast("order", _codes(I8_CUTS, I8.lo, I8, (shape.inputs, shape.size, shape.size)))
    taps = (shape.outputs, shape.kernel, shape.kernel, shape.inputs // shape.groups)
    weights = rng.integers(-largest, largest + 1, taps).astype(np.int8)
    strides, pads = (shape.stride, shape.stride), (shape.pad,) * 4
    conv = Conv2d("conv", source, weights, I8, strides, pads, groups=shape.groups)
    packed = Pack("bits", _threshold(rng, conv, 127**2))
    return Graph(f"i8_{shape.name}_{largest}", Level.PACKED, ToFloat("float", Unpack("result", packed)))


def int8_dense(weights: NDArray[np.int8]) -> Graph:
    """Weights (outputs, inputs) as a dense layer on int8, whatever is 0 among them."""
    return _ended(f"int8_{_sizes(weights)}", _dense(weights))


def sparse_dense(weights: NDArray[np.int8]) -> Graph:
    """The same as a sparse layer; how it is computed is the compiler's choice."""
    sparse = sparse_form(_dense(weights))
    assert sparse is not None, "too many weights that are not 0"
    return _ended(f"sparse_{_sizes(weights)}", sparse)


def _dense(weights: NDArray[np.int8]) -> Conv2d:
    outputs, inputs = weights.shape
    source = _codes(I8_CUTS, I8.lo, I8, (1, 1, inputs))
    return Conv2d("dense", source, weights.reshape(outputs, 1, 1, inputs), I8)


def _sizes(weights: NDArray[np.int8]) -> str:
    return f"c{weights.shape[1]}_o{weights.shape[0]}"


def _ended(name: str, x: Op) -> Graph:
    """The sums are the raw integers."""
    return Graph(name, Level.PACKED, ToFloat("float", x))


B1_PM_CUTS = np.zeros((1, 1), np.float32)
I8_CUTS = (np.arange(I8.lo, I8.hi, dtype=np.float32) + np.float32(0.5))[None]


def _codes(cuts: NDArray[np.float32], first: int, elem: Elem, shape: tuple[int, ...]) -> EncodeInput:
    none = np.zeros((0, 2), np.float32)
    return EncodeInput("codes", Input("x", shape), cuts, none[:, :0], none, ONE, first, elem)


def _threshold(rng: np.random.Generator, x: Op, spread: int) -> Threshold:
    """One cut a channel, rising or falling, near the middle."""
    channels = x.type.shape[-1]
    base: Array = rng.choice(np.array([-1, 1], np.int32), channels)
    cuts = rng.normal(0, np.sqrt(spread), (channels, 1)).astype(np.int32)
    return Threshold("sign", x, base, cuts, -2 * base[:, None], ONE, B1_PM)
