"""Constant folding: nodes that do not depend on the network's input, evaluated by onnxruntime.

So a constant is to the last bit what the source executor uses.
"""

from __future__ import annotations

import math

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto, helper

from bnnc.frontends.node import Node
from bnnc.frontends.schemas import oldest_equal_opset
from bnnc.frontends.sessions import ORT_ERRORS, open_session
from bnnc.frontends.values import Const, drop_uniform_axes
from bnnc.ir.op import Array

MAX_FOLDED_ELEMENTS = 2**28

_ELEMENTWISE = """Abs Add And BitShift Cast CastLike Ceil Clip Div Elu Equal Erf Exp Floor Gelu Greater
GreaterOrEqual HardSigmoid IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mod Mul Neg Not Or Pow
PRelu Reciprocal Relu Round Selu Sigmoid Sign Softplus Softsign Sqrt Sub Sum Tanh Where Xor"""
_OTHER = """ArgMax ArgMin Concat ConstantOfShape CumSum DepthToSpace Gemm MatMul Pad Range ReduceL1 ReduceL2
ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Shape Size Softmax SpaceToDepth Tile
Trilu"""
_MOVING = "Dropout Expand Flatten Gather Identity Reshape Slice Squeeze Transpose Unsqueeze"
_OF_SHAPES = (
    "Add Cast Concat Div Equal Gather Identity Mul ReduceProd Reshape Slice Squeeze Sub Unsqueeze Where"
)

FOLDABLE = frozenset(f"{_ELEMENTWISE} {_MOVING} {_OTHER}".split())


def fold(node: Node) -> Const:
    """The first output of `node`, all of whose inputs are constants."""
    inputs = [value if isinstance(value, Const) else None for value in node.inputs]
    arrays = [None if const is None else const.array for const in inputs]
    from_shape = any(const is not None and const.from_shape for const in inputs)
    if from_shape and node.op_type not in _OF_SHAPES.split():
        raise node.refusal("computes with the batch size", "only shapes may depend on it")
    _refuse_huge(node, arrays)
    folded = Const(_evaluate(node, arrays), from_shape=from_shape)
    first = inputs[0] if inputs else None
    if first is not None and first.codes is not None and node.op_type in _MOVING.split():
        return _moved(node, first, folded, arrays[1:])
    return _rescaled(node, inputs, folded) or folded


def _moved(node: Node, const: Const, folded: Const, rest: list[Array | None]) -> Const:
    """A quantized constant whose elements have moved: codes and scale move alike."""
    assert const.codes is not None and const.scale is not None
    scale = np.ascontiguousarray(np.broadcast_to(const.scale, const.codes.shape))
    moved_scale = drop_uniform_axes(_evaluate(node, [scale, *rest]))
    return Const(folded.array, _evaluate(node, [const.codes, *rest]), moved_scale)


def _rescaled(node: Node, inputs: list[Const | None], folded: Const) -> Const | None:
    """A quantized constant times or by another constant (an alpha), where that is but another scale."""
    if node.op_type not in ("Mul", "Div") or len(inputs) != 2:
        return None
    position = 0 if inputs[0] is not None and inputs[0].codes is not None else 1
    const = inputs[position]
    if const is None or const.codes is None or const.scale is None or (position and node.op_type == "Div"):
        return None
    arrays = [None if each is None else each.array for each in inputs]
    arrays[position] = const.scale
    scale = _evaluate(node, arrays)
    if const.codes.shape != folded.array.shape or scale.ndim != const.codes.ndim or not (scale > 0).all():
        return None
    if not np.array_equal(const.codes.astype(np.float32) * scale, folded.array):
        return None
    return Const(folded.array, const.codes, drop_uniform_axes(scale))


def _evaluate(node: Node, arrays: list[Array | None]) -> Array:
    try:
        session = open_session(_single_node(node, arrays).SerializeToString())
        feeds = {f"i{i}": array for i, array in enumerate(arrays) if array is not None}
        result = session.run(["y"], feeds)[0]
    except ORT_ERRORS as error:
        raise node.refusal(f"this constant cannot be computed ({_first_line(error)})") from error
    return np.asarray(result)


def _single_node(node: Node, arrays: list[Array | None]) -> ModelProto:
    given = [(f"i{i}", array) for i, array in enumerate(arrays) if array is not None]
    proto = NodeProto()
    proto.CopyFrom(node.proto)
    del proto.input[:], proto.output[:]
    proto.input.extend("" if array is None else f"i{i}" for i, array in enumerate(arrays))
    proto.output.append("y")
    proto.domain = ""
    opset = oldest_equal_opset([proto], node.opset)
    graph = GraphProto(name="constant", node=[proto], output=[ValueInfoProto(name="y")])
    graph.input.extend(_info(name, array) for name, array in given)
    return ModelProto(ir_version=8, graph=graph, opset_import=[OperatorSetIdProto(version=opset)])


def _info(name: str, array: Array) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def _refuse_huge(node: Node, arrays: list[Array | None]) -> None:
    """Guards the operations whose result may be far larger than their operands."""
    match node.op_type, arrays:
        case "ConstantOfShape", [shape] if shape is not None:
            size = math.prod(shape.ravel().tolist())
        case "Expand", [x, shape] if x is not None and shape is not None:
            size = x.size * math.prod(shape.ravel().tolist())
        case "Tile", [x, repeats] if x is not None and repeats is not None:
            size = x.size * math.prod(repeats.ravel().tolist())
        case "Pad", [x, pads, *_] if x is not None and pads is not None:
            size = math.prod(n + int(abs(pads).sum()) for n in x.shape)
        case "Range", [start, limit, delta] if start is not None and limit is not None and delta is not None:
            size = int(abs((limit - start) / delta)) if delta else 0
        case _:
            return
    node.require(size <= MAX_FOLDED_ELEMENTS, f"a constant of {size} elements is too large")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
