"""What every operation is: a frozen dataclass with a source name, operands, constants and one result."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self, TypeVar, dataclass_transform, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from bnnc.errors import BnncError
from bnnc.ir.types import Packed, Tensor, Type

Array = NDArray[Any]
T = TypeVar("T")


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def operation(cls: type[T]) -> type[T]:
    """Class decorator of every operation: frozen, compared by identity."""
    return dataclass(frozen=True, eq=False, repr=False)(cls)


@operation
class Op:
    """Base of all operations. Fields are operands (`Op`), constants (`Array`) or plain attributes.

    `name` is the name of the source node that the operation comes from; it may be any text.
    Constructing an operation checks it: `infer` computes `type`, the type of its one result.
    """

    name: str

    def __post_init__(self) -> None:
        for name in constant_fields(type(self)):
            array = np.array(getattr(self, name), order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        self.type  # noqa: B018  # constructing checks

    def __repr__(self) -> str:
        """Without operands: in a graph with branches these would be printed once for every path to them."""
        return f"<{self.where}>"

    @cached_property
    def type(self) -> Type:
        """The type of the result."""
        return self.infer()

    def infer(self) -> Type:
        """The type of the result; BnncError when operands, constants and attributes do not go together."""
        raise AssertionError(f"{type(self).__name__} does not infer its type")

    @classmethod
    def mnemonic(cls) -> str:
        """The name of the operation in the text form: XnorConv2d -> xnor_conv2d."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    @property
    def operands(self) -> tuple[Op, ...]:
        """The operations whose results this one reads, in the order of the fields."""
        return tuple(getattr(self, name) for name in operand_fields(type(self)))

    @property
    def constants(self) -> dict[str, Array]:
        """The arrays by the names of their fields."""
        return {name: getattr(self, name) for name in constant_fields(type(self))}

    def with_operands(self, *operands: Op) -> Self:
        """The same operation on other operands, checked anew."""
        if all(new is old for new, old in zip(operands, self.operands, strict=True)):
            return self
        changes: dict[str, Any] = dict(zip(operand_fields(type(self)), operands, strict=True))
        return replace(self, **changes)

    @property
    def where(self) -> str:
        """What errors call the operation: `node 'fc1' (dense)`."""
        return f"node {self.name!r} ({self.mnemonic()})"

    def refusal(self, what: str, remedy: str = "") -> BnncError:
        """The error to raise when the operation cannot be what or where it is."""
        return BnncError.at(self.where, what, remedy)

    def require(self, condition: bool, what: str, remedy: str = "") -> None:
        """Refuse the operation unless `condition` holds."""
        if not condition:
            raise self.refusal(what, remedy)


_FIELD_TYPES: dict[type[Op], dict[str, Any]] = {}


def field_types(cls: type[Op]) -> dict[str, Any]:
    """Name and resolved annotation of every field, in order."""
    if cls not in _FIELD_TYPES:
        hints = get_type_hints(cls)
        _FIELD_TYPES[cls] = {entry.name: hints[entry.name] for entry in fields(cls)}
    return _FIELD_TYPES[cls]


def _fields_where(cls: type[Op], wanted: Callable[[Any], bool]) -> tuple[str, ...]:
    return tuple(name for name, hint in field_types(cls).items() if wanted(hint))


def operand_fields(cls: type[Op]) -> tuple[str, ...]:
    """Names of the fields that hold operations."""
    return _fields_where(cls, lambda hint: isinstance(hint, type) and issubclass(hint, Op))


def constant_fields(cls: type[Op]) -> tuple[str, ...]:
    """Names of the fields that hold arrays."""
    return _fields_where(cls, lambda hint: get_origin(hint) is np.ndarray)


def attribute_fields(cls: type[Op]) -> tuple[str, ...]:
    """Plain attributes: everything but the name, the operands and the constants."""
    taken = {"name", *operand_fields(cls), *constant_fields(cls)}
    return tuple(name for name in field_types(cls) if name not in taken)


def one() -> Array:
    """float32 1: the scale of integers that stand for themselves."""
    return np.ones((), np.float32)


def tensor_of(op: Op) -> Tensor:
    """The type of `op`, which has to be a plain tensor."""
    op.require(isinstance(op.type, Tensor), f"a plain tensor is needed here, not {op.type}")
    assert isinstance(op.type, Tensor)
    return op.type


def packed_of(op: Op) -> Packed:
    """The type of `op`, which has to be a packed map."""
    op.require(isinstance(op.type, Packed), f"a packed map is needed here, not {op.type}")
    assert isinstance(op.type, Packed)
    return op.type


def map_shape(op: Op) -> tuple[int, int, int]:
    """(H, W, C) of a channel-last map, plain or packed."""
    shape = op.type.shape
    op.require(len(shape) == 3, f"a map (H, W, C) is needed here, not {op.type}")
    return shape[0], shape[1], shape[2]
