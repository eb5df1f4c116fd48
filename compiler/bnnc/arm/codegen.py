"""Stages to machine code: TIR kernels as plain C functions in one object file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tvm
from tvm import tirx

from bnnc.arm.kernels.builder import Built
from bnnc.arm.kernels.isa import isa
from bnnc.arm.lowering import check, lower
from bnnc.arm.sharing import threads_of
from bnnc.schedule.stages import Stage
from bnnc.targets import Target

# LLVM would unroll loops until constants no longer fit the registers. Kernels that differ in nothing but
# their constants, which they are told, become jumps to one of them.
_LLVM_FLAGS = ("-unroll-threshold-aggressive:uint=60", "-enable-merge-functions:bool=true")


@dataclass(frozen=True)
class StageFunction:
    """The function of a stage; see `kernels.builder` for its parameters.

    `constants` is a blob whose parts are 64-byte aligned if it is, `parts` their starts and sizes in bytes;
    `scratch_bytes` is the scratch memory it uses, which is 64-byte aligned too; where it `is_shared` by
    threads, each needs as much.
    """

    name: str
    constants: bytes
    scratch_bytes: int
    parts: tuple[tuple[int, int], ...]
    is_shared: bool = False


@dataclass(frozen=True)
class CompiledStages:
    """An ELF (or Mach-O) object with one function a stage, in the order of the stages."""

    object_file: bytes
    functions: tuple[StageFunction, ...]


def compile_stages(
    stages: Sequence[Stage],
    target: Target,
    threads: int = 1,
    choices: Mapping[str, str] = MappingProxyType({}),
) -> CompiledStages:
    """Compile every stage; BnncError, before any code is made, when an operation has no kernel.

    choices: by the names of stages those of the candidates to take.
    """
    check(stages, target.name)
    built = {
        stage.name: lower(stage, isa(target), threads_of(stage, threads), choices.get(stage.name, ""))
        for stage in stages
    }
    assert len(built) == len(stages), "two stages have the same name"
    functions = (
        StageFunction(name, b.constants, b.scratch_bytes, b.parts, b.is_shared) for name, b in built.items()
    )
    return CompiledStages(_object_file(built, target), tuple(functions))


def _object_file(built: dict[str, Built], target: Target) -> bytes:
    module = generate({name: b.function for name, b in built.items()}, target)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stages.o"
        module.write_to_file(str(path))
        return path.read_bytes()


def generate(functions: dict[str, Any], target: Target) -> Any:
    """TVM's LLVM module. Without MakePackedAPI functions keep their own C signature; without LowerTVMBuiltin
    local buffers stay on the stack (registers, that is) whatever their size.
    """
    llvm = tvm.target.Target(_llvm_options(target))
    passes = [
        tirx.transform.BindTarget(llvm.with_host(llvm)),
        tirx.transform.LowerIntrin(),
    ]
    module = tvm.ir.transform.Sequential(passes)(tvm.IRModule(functions))
    return tvm.get_global_func("target.build.llvm")(module, llvm)


def _llvm_options(target: Target) -> dict[str, object]:
    options: dict[str, object] = {
        "kind": "llvm",
        "mtriple": target.triple,
        "mcpu": target.cpu,
        "cl-opt": list(_LLVM_FLAGS),
    }
    if target.features:
        options["mattr"] = list(target.features)
    if target.is_freestanding:
        options["vector-width"] = 32  # there are none; TVM asks to be told
    if target.abi:
        options["mabi" if target.is_riscv64 else "mfloat-abi"] = target.abi
    return options
