"""C compilers and archivers of this machine, and how they are called."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bnnc.errors import BnncError
from bnnc.targets import BARE_TRIPLE

# No contraction: a * b + c rounds twice, as in the simulator. Position independent: an object for .a and .so.
# What nothing calls is left out of programs, and so are tables for exceptions, which C has none of.
_SMALL = ("-ffunction-sections", "-fno-asynchronous-unwind-tables")
CFLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-ffp-contract=off", "-fPIC", "-g0", *_SMALL, "-I.")
# Without a C library, without float registers, and at a fixed address.
_BARE_CFLAGS = (
    *(flag for flag in CFLAGS if flag != "-fPIC"),
    *("-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-mfloat-abi=soft", "-Iruntime/bare"),
)
_BARE_LDFLAGS = ("-static", "-nostartfiles", "-nolibc", "-Wl,--no-gc-sections")
LDFLAGS = ("-O2", "-s", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,--gc-sections")

_FIRST = "; the first time zig builds its C library for this target, which takes minutes"
_log = logging.getLogger("bnnc.toolchain")


@dataclass(frozen=True)
class Toolchain:
    """How to call a C compiler and an archiver; `shown_*` is what a Makefile says instead."""

    cc: tuple[str, ...]
    ar: tuple[str, ...]
    shown_cc: str
    shown_ar: str
    ldflags: tuple[str, ...]
    cflags: tuple[str, ...] = CFLAGS
    libraries: tuple[str, ...] = ("-lm",)

    def compile(self, folder: Path, source: str, result: str) -> None:
        """An object file; warnings are errors."""
        self._run(folder, [*self.cc, *self.cflags, "-Werror", "-c", source, "-o", result])

    def archive(self, folder: Path, objects: Sequence[str], result: str) -> None:
        """A static library without times and owners."""
        self._run(folder, [*self.ar, "rcsD", result, *objects])

    def link(self, folder: Path, inputs: Sequence[str], result: str, *flags: str) -> None:
        """A program or, with -shared, a library; the same bytes for the same inputs."""
        _log.info("linking %s%s", result, _FIRST if Path(self.cc[0]).name == "zig" else "")
        self._run(folder, [*self.cc, *LDFLAGS, *flags, "-o", result, *inputs, *self.libraries])

    def _run(self, folder: Path, command: list[str]) -> None:
        _log.debug("%s", " ".join(command))
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            what = f"{Path(command[0]).name} failed on {command[-1]}:\n{done.stderr.strip()[-2000:]}"
            raise BnncError.at(str(folder), what)


@dataclass(frozen=True)
class _Cross:
    """How compilers for a triple are called: zig, and the prefix of GNU's."""

    system: str
    zig: tuple[str, ...]
    prefix: str
    gnu: tuple[str, ...] = ()


_CROSS = {
    "aarch64-linux-musl": _Cross("aarch64 Linux", ("-target", "aarch64-linux-musl"), "aarch64-linux-gnu-"),
    "armv7-linux-musleabihf": _Cross(
        "armv7 Linux", ("-target", "arm-linux-musleabihf"), "arm-linux-gnueabihf-", ("-marm",)
    ),
    "riscv64-linux-musl": _Cross("riscv64 Linux", ("-target", "riscv64-linux-musl"), "riscv64-linux-gnu-"),
    BARE_TRIPLE: _Cross(
        "Cortex-M",
        ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4"),
        "arm-none-eabi-",
        ("-mcpu=cortex-m4", "-mthumb", "-fno-tree-loop-distribute-patterns"),
    ),
}


def cross_toolchain(triple: str) -> Toolchain:
    """For static programs of `triple`: zig with its own libc, else a GNU compiler."""
    tools = _cross_compiler(_CROSS[triple])
    if triple != BARE_TRIPLE:
        return tools
    return replace(tools, cflags=_BARE_CFLAGS, ldflags=_BARE_LDFLAGS, libraries=("-lgcc",))


def _cross_compiler(cross: _Cross) -> Toolchain:
    zig = _zig()
    if zig is not None:
        return _zig_toolchain(zig, cross.zig, ("-static",))
    cc, ar = shutil.which(f"{cross.prefix}gcc"), shutil.which(f"{cross.prefix}ar")
    if cc is None or ar is None:
        remedy = f"install one: pip install ziglang (or {cross.prefix}gcc)"
        raise BnncError.at("", f"no C compiler for {cross.system}", remedy)
    shown = " ".join((f"{cross.prefix}gcc", *cross.gnu))
    return Toolchain((cc, *cross.gnu), (ar,), shown, f"{cross.prefix}ar", ("-static",))


def native_toolchain() -> Toolchain:
    """For this machine: its own cc, gcc or clang, else zig."""
    cc = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    ar = shutil.which("ar")
    if cc is not None and ar is not None:
        return Toolchain((cc,), (ar,), "cc", "ar", ())
    zig = _zig()
    if zig is None:
        raise BnncError.at("", "no C compiler", "install one: pip install ziglang (or gcc)")
    return _zig_toolchain(zig, (), ())


def _zig_toolchain(zig: str, target: tuple[str, ...], ldflags: tuple[str, ...]) -> Toolchain:
    shown = " ".join(("python3 -m ziglang cc", *target))
    return Toolchain((zig, "cc", *target), (zig, "ar"), shown, "python3 -m ziglang ar", ldflags)


def _zig() -> str | None:
    """The compiler inside the ziglang package, called without a Python process in between."""
    spec = importlib.util.find_spec("ziglang")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        zig = Path(folder) / "zig"
        if zig.is_file():
            return str(zig)
    return shutil.which("zig")
