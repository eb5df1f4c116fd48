"""Which executors a network can have on this machine."""

from __future__ import annotations

from bnnc.errors import BnncError
from bnnc.executors.build import check_buildable
from bnnc.executors.network import Network
from bnnc.executors.registry import EXECUTORS, build_target


def default_executors(network: Network) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The executors that can run, and a note for each one that is left out.

    Of a compiled folder arm and hls run only if it was compiled for them.
    """
    names, notes = [], []
    for name in _wanted(network):
        try:
            _check(network, name)
            names.append(name)
        except BnncError as error:
            notes.append(f"{name} is left out: {error}")
    return tuple(names), tuple(notes)


def _wanted(network: Network) -> tuple[str, ...]:
    if network.manifest is None:
        return EXECUTORS
    return tuple(name for name in EXECUTORS if name not in ("arm", "hls") or name == network.manifest.target)


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
            from bnnc.targets import target

            cross_toolchain(target("arm").triple)
        case "hls":
            from bnnc.hls import csim
            from bnnc.hls.project.source import check_installed

            check_buildable(network.graph, build_target(name))
            csim.vendor_headers()
            csim.compiler()
            check_installed()
