"""Products of Winograd's transformed maps and weights on AArch64: 16-bit factors, 32-bit sums.

`smlal` multiplies four output channels by one number of the map, which is a lane of a register.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bnnc.arm.kernels.builder import View
from bnnc.arm.kernels.product_loop import assembly_function, emit_call, registers

POINTS = 16  # of a transformed tile
WIDTH = 8  # output channels, and 16-bit lanes of a register
MOST_TILES = 8
_SUMS, _WEIGHTS = 8, 24  # first registers
_AT_ONCE = 4


@dataclass(frozen=True)
class WinogradLoop:
    """For each point sums int32 (tiles, WIDTH) over `channels`.

    The map is int16 (points, n_tiles, channels), of which `tiles` neighbours are read; the weights are int16
    (points, channels, WIDTH).
    """

    tiles: int
    n_tiles: int
    channels: int

    @property
    def name(self) -> str:
        return f"bnnc_winograd_{self.tiles}_{self.n_tiles}x{self.channels}"

    @property
    def instructions(self) -> int:
        """Of one call."""
        step = len([*self._step()]) + 2
        return POINTS * (len([*self._before()]) + self.channels // WIDTH * step + len([*self._after()]) + 2)

    def call(self, sums: View, x: View, weights: View) -> None:
        """Emit a call."""
        emit_call(self.name, self.function(), (sums, x, weights, weights), self.channels // WIDTH)

    def function(self) -> str:
        """LLVM's text."""
        lines = ["mov x9, #16", "2:", *self._before(), "1:", *self._step(), "subs x10, x10, #1", "b.ne 1b"]
        lines += [*self._after(), "subs x9, x9, #1", "b.ne 2b"]
        used = [*(f"v{i}" for i in range(32)), "x9", "x10", "x11", "cc", "memory"]
        return assembly_function(self.name, lines, used)

    def _before(self) -> Iterator[str]:
        for i in range(2 * self.tiles):
            yield f"movi v{_SUMS + i}.2d, #0"
        yield "mov x10, {steps}"

    def _step(self) -> Iterator[str]:
        """The products of eight channels; the first tile's load moves on."""
        for tile in range(1, self.tiles):
            yield f"ldr q{tile}, [{{x}}, #{2 * tile * self.channels}]"
        yield "ldr q0, [{x}], #16"
        for first in range(0, WIDTH, _AT_ONCE):
            start = _WEIGHTS + first
            yield f"ld1 {registers(start, _AT_ONCE, '8h')}, [{{w}}], #{16 * _AT_ONCE}"
        for channel in range(WIDTH):
            for tile in range(self.tiles):
                total, w = _SUMS + 2 * tile, _WEIGHTS + channel
                yield f"smlal v{total}.4s, v{w}.4h, v{tile}.h[{channel}]"
                yield f"smlal2 v{total + 1}.4s, v{w}.8h, v{tile}.h[{channel}]"

    def _after(self) -> Iterator[str]:
        """The sums of a point, and on to the map's next one."""
        for tile in range(self.tiles):
            yield f"stp q{_SUMS + 2 * tile}, q{_SUMS + 2 * tile + 1}, [{{sums}}], #32"
        skip = 2 * (self.n_tiles - 1) * self.channels
        yield f"mov x11, #{skip & 0xFFFF}"
        yield f"movk x11, #{skip >> 16}, lsl #16"
        yield "add {x}, {x}, x11"
