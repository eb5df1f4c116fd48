"""Names of operations: what the source calls its nodes, made unique."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import NodeProto


class Names:
    """Hands out names, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def unique(self, wanted: str) -> str:
        """`wanted`, or the first free one of `wanted_2`, `wanted_3`, .."""
        name, n = wanted, 1
        while name in self._taken:
            n += 1
            name = f"{wanted}_{n}"
        self._taken.add(name)
        return name


def label(proto: NodeProto) -> str:
    """What a node is called: its name, or its operator and first result."""
    return proto.name or f"{proto.op_type}_{next((name for name in proto.output if name), '')}"
