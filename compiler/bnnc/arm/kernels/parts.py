"""Parts: the output channels of a convolution, group by group, in panels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, loop, splat
from bnnc.arm.kernels.panels import panels
from bnnc.arm.kernels.tiling import Tiling
from bnnc.ir.op import Array


@dataclass(frozen=True)
class Parts:
    """`number` parts of `inputs` (channels or words) and `outputs` each, which `tiles` covers."""

    number: int
    inputs: int
    outputs: int
    tiles: Tiling

    @property
    def fill_panels(self) -> bool:
        """Whether the panels hold the output channels one after another, without gaps."""
        return self.number == 1 or self.outputs == self.tiles.capacity

    @property
    def capacity(self) -> int:
        """Output channels of all panels, the padding included."""
        return self.number * self.tiles.capacity

    def arrange(self, values: Array) -> Array:
        """(O, ...) to (parts, panels, ..., width)."""
        split = values.reshape(self.number, self.outputs, *values.shape[1:])
        return np.stack([panels(part, self.tiles) for part in split])

    def store(self, sums: View, strip: View, strip_width: int, pixels: int, part: Expr, panel: Expr) -> None:
        """The sums (pixels, width) of a panel to their place in the strip (pixels, strip_width).

        Unless parts fill panels, sums have to lie in memory.
        """
        width, first = self.tiles.width, part * self.outputs + panel * self.tiles.width
        if self.outputs == self.tiles.capacity:
            for i in range(pixels):
                strip.put(i * strip_width + first, sums.vector(i * width, width), width)
            return
        rest = self.outputs - panel * width
        valid = min(rest, width) if isinstance(rest, int) else tirx.min(rest, width)
        with loop(pixels) as i, loop(valid) as c:
            strip.put(i * strip_width + first + c, sums[i * width + c])


def cleared_strip(kernel: Kernel, size: int) -> View:
    """A strip of zeros: channels past the last must not be random bits."""
    strip = kernel.scratch("int32", size)
    with loop(size) as i:
        strip.put(i, splat(0, 1))
    return strip
