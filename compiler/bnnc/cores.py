"""What is known of processors' cores beyond their instructions: how many at once, and how much is near."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """A core as its maker describes it; where cores of a name differ, as the smallest common one has it.

    `issue_width`: instructions that begin in a cycle; `vector_units`: operations on whole vectors among them;
    `l1_bytes` of data, 0 without a cache, `l2_bytes` that it may have for itself. A core `in_order` waits for
    every operand.
    """

    issue_width: int
    vector_units: int
    l1_bytes: int
    l2_bytes: int
    in_order: bool = False

    def slots(self, instructions: float, vectors: float) -> float:
        """How many could have begun meanwhile: `vectors` of so many instructions wait for vector units."""
        units = max(self.vector_units, 1)
        return max(instructions, vectors * self.issue_width / units)


_K, _M = 1 << 10, 1 << 20
_X86_64_V4 = Core(4, 2, 32 * _K, _M)
CORES = {
    "cortex-a53": Core(2, 1, 32 * _K, 128 * _K, in_order=True),
    "cortex-a55": Core(2, 1, 32 * _K, 128 * _K, in_order=True),
    "cortex-a72": Core(3, 2, 32 * _K, 512 * _K),
    "cortex-a76": Core(4, 2, 64 * _K, 256 * _K),
    "cortex-x1": Core(5, 4, 64 * _K, 512 * _K),
    "neoverse-n1": Core(4, 2, 64 * _K, _M),
    "neoverse-v1": Core(8, 4, 64 * _K, _M),
    "generic": Core(2, 1, 32 * _K, 128 * _K),
    "cortex-a7": Core(2, 1, 32 * _K, 128 * _K, in_order=True),
    "cortex-m4": Core(1, 0, 0, 0, in_order=True),
    "cortex-m7": Core(2, 0, 4 * _K, 0, in_order=True),
    "rv64gc": Core(1, 0, 16 * _K, 128 * _K, in_order=True),
    "rv64gc-zbb": Core(1, 0, 16 * _K, 128 * _K, in_order=True),
    "x86-64-v2": Core(4, 2, 32 * _K, 256 * _K),
    "x86-64-v3": Core(4, 2, 32 * _K, 256 * _K),
    "x86-64-v4": _X86_64_V4,
    "x86-64-v4-vpopcntdq": _X86_64_V4,
}
