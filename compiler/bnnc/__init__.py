"""bnnc: takes a trained 1-bit or low-bit neural network to the device, bit for bit."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

__version__ = "0.1.0"


def export(module: nn.Module, example_input: Tensor, path: str | PathLike[str]) -> None:
    """Write a torch module, as it computes in eval mode, to the QONNX file `path`; see `bnnc.exporter`."""
    from bnnc.exporter.api import export as write

    write(module, example_input, path)
