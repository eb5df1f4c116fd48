"""One node of the ONNX graph as the converters see it: checked access to inputs and attributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from onnx import AttributeProto, NodeProto

from bnnc.errors import BnncError, Finding
from bnnc.frontends.names import Names
from bnnc.frontends.values import Const, Value
from bnnc.ir.op import Array, Op


@dataclass(frozen=True)
class Node:
    """A node whose inputs have been read. `batch` is the batch size that the graph declares as a number."""

    proto: NodeProto
    name: str
    opset: int
    batch: int | None
    inputs: tuple[Value | None, ...]
    names: Names
    report: Callable[[Finding], None]

    @property
    def op_type(self) -> str:
        """The ONNX operator."""
        return self.proto.op_type

    @property
    def where(self) -> str:
        """What errors call the node: `node 'conv1' (Conv)`."""
        return f"node {self.name!r} ({self.op_type})"

    def refusal(self, what: str, remedy: str = "") -> BnncError:
        """The error to raise when the node cannot be represented at all."""
        return BnncError.at(self.where, what, remedy)

    def require(self, condition: bool, what: str, remedy: str = "") -> None:
        """Refuse the node unless `condition` holds."""
        if not condition:
            raise self.refusal(what, remedy)

    def check(self, condition: bool, what: str, remedy: str = "") -> None:
        """Note a finding unless `condition` holds, and read on."""
        if not condition:
            self.report(Finding(self.where, what, remedy))

    def derived(self, suffix: str) -> str:
        """A name for a further operation that this node becomes."""
        return self.names.unique(f"{self.name}_{suffix}")

    def has(self, index: int) -> bool:
        """Whether input `index` is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int) -> Value:
        """Input `index`, which has to be given."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise self.refusal(f"input {index} is missing")
        return value

    def feature(self, index: int = 0) -> Op:
        """Input `index`, which has to be real numbers computed from the network's input."""
        value = self.value(index)
        if isinstance(value, Op):
            return value
        kind = "a constant" if isinstance(value, Const) else "integers or truth values"
        raise self.refusal(f"input {index} is {kind} where a layer's result is needed")

    def const(self, index: int, what: str) -> Const:
        """Input `index`, which has to be a constant; `what` names it in errors."""
        value = self.value(index)
        if isinstance(value, Const):
            return value
        raise self.refusal(f"{what} (input {index}) is computed at run time", "make it a constant")

    def real_const(self, index: int, what: str) -> Const:
        """Input `index`: float32, not empty, neither NaN nor infinite."""
        const = self.const(index, what)
        self.require(const.array.dtype == np.float32, f"{what} is {const.array.dtype}", "export in float32")
        self.require(const.array.size > 0 and not const.from_shape, f"{what} holds no numbers")
        n_bad = int(np.count_nonzero(~np.isfinite(const.array)))
        self.check(n_bad == 0, f"NaN or infinity in {what} ({n_bad} of {const.array.size})")
        return const if n_bad == 0 else Const(np.ones_like(const.array))

    def reals(self, index: int, what: str) -> Array:
        """The array of `real_const`."""
        return self.real_const(index, what).array

    def number(self, index: int, what: str) -> float:
        """Input `index`, a constant of one element."""
        array = self.const(index, what).array
        self.require(array.size == 1, f"{what} has {array.size} elements where one is needed")
        return float(array.ravel()[0])

    def integers(self, index: int, what: str) -> list[int]:
        """Input `index`, a constant vector of integers (a shape's BATCH among them perhaps)."""
        array = self.const(index, what).array
        self.require(array.dtype.kind in "iu" and array.ndim <= 1, f"{what} is not a vector of integers")
        return [int(n) for n in array.ravel()]

    @cached_property
    def _attributes(self) -> dict[str, AttributeProto]:
        return {attribute.name: attribute for attribute in self.proto.attribute}

    def _attribute(self, name: str, kind: int) -> AttributeProto | None:
        attribute = self._attributes.get(name)
        if attribute is not None and attribute.type != kind:
            raise self.refusal(f"attribute {name!r} is of the wrong type")
        return attribute

    def int_attribute(self, name: str, default: int) -> int:
        """An integer attribute, or `default` when it is not given."""
        attribute = self._attribute(name, AttributeProto.INT)
        return default if attribute is None else int(attribute.i)

    def ints_attribute(self, name: str) -> list[int] | None:
        """An attribute that is a list of integers, or None when it is not given."""
        attribute = self._attribute(name, AttributeProto.INTS)
        return None if attribute is None else [int(n) for n in attribute.ints]

    def float_attribute(self, name: str, default: float) -> float:
        """A finite float attribute, or `default` when it is not given."""
        attribute = self._attribute(name, AttributeProto.FLOAT)
        value = default if attribute is None else float(attribute.f)
        self.require(np.isfinite(value), f"attribute {name!r} is {value}")
        return value

    def text_attribute(self, name: str, default: str) -> str:
        """A text attribute, or `default` when it is not given."""
        attribute = self._attribute(name, AttributeProto.STRING)
        return default if attribute is None else attribute.s.decode(errors="replace")

    def axis(self, default: int, rank: int) -> int:
        """Attribute `axis`, counted from the first of `rank` axes (the batch is axis 0)."""
        return self.counted_axis(self.int_attribute("axis", default), rank)

    def counted_axis(self, axis: int, rank: int) -> int:
        """`axis` of a tensor of `rank` (the batch is axis 0), counted from the first; -1 is the last."""
        self.require(-rank <= axis < rank, f"axis {axis} of a tensor of rank {rank}")
        return axis % rank
