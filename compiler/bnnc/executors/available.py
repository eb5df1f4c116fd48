"""Which executors a network can have on this machine."""

from __future__ import annotations

import importlib.util

from bnnc.errors import BnncError
from bnnc.executors.build import check_buildable
from bnnc.executors.network import Network
from bnnc.executors.registry import EXECUTORS, build_target


def default_executors(network: Network) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The executors that can run, and a note for each one that is left out."""
    names, notes = [], []
    for name in EXECUTORS:
        try:
            _check(network, name)
            names.append(name)
        except BnncError as error:
            notes.append(f"{name} is left out: {error}")
    return tuple(names), tuple(notes)


def _check(network: Network, name: str) -> None:
    """BnncError when `name` has no chance to run."""
    match name:
        case "source":
            if not network.archive.onnx:
                raise BnncError("the source model is not in this archive")
        case "host":
            from bnnc.arm.toolchain import native_toolchain

            native_toolchain()
        case "arm":
            from bnnc.arm.toolchain import cross_toolchain

            cross_toolchain("aarch64")
        case "hls":
            check_buildable(network.graph, build_target(name))
            _need_module("hls4ml", "the vendor's ap_int headers are not installed")


def _need_module(module: str, what: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise BnncError.at("", what, f"pip install {module}")
