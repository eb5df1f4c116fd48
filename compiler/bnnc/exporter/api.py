"""What a user calls: `bnnc.export(module, example_input, path)`, `from_pt2(path)`."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import torch
from onnx import ModelProto
from torch import Tensor, nn
from torch.export import ExportedProgram

import bnnc.nn.ops  # noqa: F401  (a saved program may hold our operators)
from bnnc.errors import BnncError, errors_within
from bnnc.exporter.program import convert


def export(module: nn.Module, example_input: Tensor, path: str | PathLike[str]) -> None:
    """Write `module`, as it computes in eval mode, to the QONNX file `path`.

    example_input: float32 (N, ..), any N; the model takes any batch. The file depends on nothing but the
    module's parameters and structure. onnxruntime and qonnx compute from it what the module does, exactly
    where that holds no float rounding of their own choice (modules of `bnnc.nn` have none). BnncError
    names the modules and operators that cannot be written.
    """
    target = Path(path)
    model = to_onnx(module, example_input, target.name.removesuffix(".onnx"))
    try:
        target.write_bytes(model.SerializeToString(deterministic=True))
    except OSError as error:
        raise BnncError.at(str(target), f"cannot be written ({error.strerror})") from error


def to_onnx(module: nn.Module, example_input: Tensor, name: str = "network") -> ModelProto:
    """What `export` writes; `name` is the graph's."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with _torch_to_itself():
            return convert(_program(module, example_input), name)
    finally:
        for part, training in modes.items():
            part.training = training


def _program(module: nn.Module, example_input: Tensor) -> ExportedProgram:
    try:
        with torch.no_grad():
            return torch.export.export(module, (example_input,))
    except (
        torch._dynamo.exc.UserError,
        torch.fx.experimental.symbolic_shapes.GuardOnDataDependentSymNode,
    ) as error:
        what = str(error).strip().splitlines()[0]
        raise BnncError.at("torch.export", what, "write forward() without decisions on values") from error


@contextmanager
def _torch_to_itself() -> Iterator[None]:
    """Without the warnings that torch gives about its own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def from_pt2(path: str | PathLike[str]) -> ModelProto:
    """The ONNX model of a program saved by `torch.export.save`; BnncError names the file."""
    file = Path(path)
    with errors_within(file), _torch_to_itself():
        return convert(_loaded(file), file.name.removesuffix(".pt2"))


def _loaded(file: Path) -> ExportedProgram:
    if not zipfile.is_zipfile(file):
        raise BnncError("this is no .pt2 file, or it is truncated")
    try:
        return torch.export.load(file)
    except (RuntimeError, KeyError, ValueError) as error:
        what = str(error).strip().splitlines()[0]
        raise BnncError(f"torch cannot load it ({what})") from error
