"""One operation of a torch program as the converters see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from bnnc.errors import BnncError
from bnnc.exporter.writer import Array, Writer


@dataclass(frozen=True, eq=False)
class Known:
    """A value that does not depend on the network's input; `made_by` is the quantizer that made it."""

    value: Any
    made_by: tuple[str, tuple[Any, ...]] | None = None


@dataclass(frozen=True)
class Signal:
    """A tensor of the ONNX graph, its shape with the batch in front, and its torch dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class Call:
    """An operator, the module that it stands in, and its operands: `Known`, `Signal` or plain Python."""

    node: Node
    module: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    writer: Writer

    @property
    def operator(self) -> str:
        """`aten.conv2d`, say."""
        return operator_name(self.node)

    @property
    def result(self) -> Tensor:
        """Shape and type of the (first) result, the batch of the example in front."""
        result = self.node.meta["val"]
        first: Tensor = result[0] if isinstance(result, (tuple, list)) else result
        return first

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the (first) result."""
        return sizes(self.result)

    def refusal(self, what: str, remedy: str = "") -> BnncError:
        """The error to raise when the operator cannot be written."""
        return BnncError.at(where(self.module, self.operator), what, remedy)

    def require(self, condition: bool, what: str, remedy: str = "") -> None:
        """Refuse the operator unless `condition` holds."""
        if not condition:
            raise self.refusal(what, remedy)

    def arg(self, index: int, name: str, default: Any = None) -> Any:
        """Operand `index` or `name`; constants of one element and plain Python as they are."""
        return self.args[index] if index < len(self.args) else self.kwargs.get(name, default)

    def signal(self, index: int = 0) -> Signal:
        """Operand `index`, computed from the network's input."""
        value = self.args[index]
        if isinstance(value, Signal):
            return value
        raise self.refusal(f"operand {index} is constant where a layer's result is needed")

    def array(self, index: int, name: str) -> Array | None:
        """Operand `index` as a float32 constant; None where it is not given."""
        value = self.arg(index, name)
        if value is None:
            return None
        if isinstance(value, Signal):
            raise self.refusal(f"{name} is computed at run time", "make it a parameter, a buffer or a number")
        return as_array(value.value if isinstance(value, Known) else value)

    def needed(self, index: int, name: str) -> Array:
        """`array` of an operand that has to be given."""
        array = self.array(index, name)
        if array is None:
            raise self.refusal(f"{name} is missing")
        return array

    def label(self, suffix: str = "") -> str:
        """The name of a node: the module's path, and what it does there."""
        return ".".join(part for part in (self.module, suffix) if part)

    def emit(self, op_type: str, *inputs: str, suffix: str | None = None, **attributes: Any) -> str:
        """Append a node that gives the result, or a part of the way to it."""
        name = self.label(op_type.lower() if suffix is None else suffix) or op_type.lower()
        return self.writer.node(op_type, inputs, name, **attributes)[0]

    def constant(self, array: Array, suffix: str) -> str:
        """Store a float constant that belongs to this operator."""
        finite = array.dtype.kind != "f" or bool(np.isfinite(array).all())
        self.require(finite, f"its {suffix} holds NaN or infinity", "train the module on, or mend its state")
        return self.writer.constant(array, self.label(suffix))

    def done(self, name: str) -> Signal:
        """The result."""
        return Signal(name, self.shape, self.result.dtype)


def sizes(tensor: Tensor) -> tuple[int, ...]:
    """The shape of a traced tensor; a batch that was left open counts as it did in the example."""
    return tuple(int(n.node.hint) if isinstance(n, torch.SymInt) else int(n) for n in tensor.shape)


def operator_name(node: Node) -> str:
    """`aten.conv2d`, say, without the overload."""
    target = node.target
    name = target._schema.name if isinstance(target, torch._ops.OpOverload) else str(target)
    return name.replace("::", ".")


def where(module: str, operator: str) -> str:
    """What errors call a place in the network."""
    return f"module {module!r} ({operator})" if module else operator


def as_array(value: Any) -> Array:
    """A tensor or number as an array; float64 numbers and all that is not floating become float32."""
    if isinstance(value, Tensor):
        return np.asarray(value.detach().cpu().numpy())
    return np.asarray(value, np.float32)
