"""Lanes of a register to memory at equal distances: one instruction each, and the pointer moves on."""

from __future__ import annotations

from dataclasses import dataclass

_SUFFIX = {8: "b", 16: "h", 32: "s"}


@dataclass(frozen=True)
class NeonStore:
    """The first `count` lanes of `width` bits, `distance` bytes apart."""

    width: int
    count: int
    distance: int

    @property
    def name(self) -> str:
        return f"bnnc_store_{self.count}x{self.width}_{self.distance}"


def store_function(store: NeonStore) -> str:
    """void (to, octets) in LLVM's language."""
    lanes = (f"st1 {{$1.{_SUFFIX[store.width]}}}[{i}], [$0], $2" for i in range(store.count))
    body, operands = "\\0A".join(lanes), f"<16 x i8> %octets, i64 {store.distance}, ptr %to"
    return f"""
define void @{store.name}(ptr %to, <16 x i8> %octets) alwaysinline nounwind {{
  %r = call ptr asm sideeffect "{body}", "=r,w,r,0,~{{memory}}"({operands})
  ret void
}}
"""
