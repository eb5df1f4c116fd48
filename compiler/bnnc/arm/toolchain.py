"""C compilers and archivers of this machine, and how they are called."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bnnc.errors import BnncError

# No contraction: a * b + c rounds twice, as in the simulator. Position independent: an object for .a and .so.
CFLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-ffp-contract=off", "-fPIC", "-g0", "-I.")
LDFLAGS = ("-O2", "-s", "-Wl,--build-id=none", "-Wl,-z,noexecstack")

_log = logging.getLogger("bnnc.toolchain")


@dataclass(frozen=True)
class Toolchain:
    """How to call a C compiler and an archiver; `shown_*` is what a Makefile says instead."""

    cc: tuple[str, ...]
    ar: tuple[str, ...]
    shown_cc: str
    shown_ar: str
    ldflags: tuple[str, ...]

    def compile(self, folder: Path, source: str, result: str) -> None:
        """An object file; warnings are errors."""
        self._run(folder, [*self.cc, *CFLAGS, "-Werror", "-c", source, "-o", result])

    def archive(self, folder: Path, objects: Sequence[str], result: str) -> None:
        """A static library without times and owners."""
        self._run(folder, [*self.ar, "rcsD", result, *objects])

    def link(self, folder: Path, inputs: Sequence[str], result: str, *flags: str) -> None:
        """A program or, with -shared, a library; the same bytes for the same inputs."""
        self._run(folder, [*self.cc, *LDFLAGS, *flags, "-o", result, *inputs, "-lm"])

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
    ldflags: tuple[str, ...] = ("-static",)
    gnu_flags: tuple[str, ...] = ()


# Nothing of a C library, and no float registers, which firmware may not have turned on.
_BARE = ("-ffreestanding", "-fno-builtin", "-fno-stack-protector")
_CROSS = {
    "aarch64-linux-musl": _Cross("aarch64 Linux", ("-target", "aarch64-linux-musl"), "aarch64-linux-gnu-"),
    "armv7-linux-musleabihf": _Cross(
        "armv7 Linux", ("-target", "arm-linux-musleabihf"), "arm-linux-gnueabihf-", gnu_flags=("-marm",)
    ),
    "riscv64-linux-musl": _Cross("riscv64 Linux", ("-target", "riscv64-linux-musl"), "riscv64-linux-gnu-"),
    "thumbv7em-none-eabi": _Cross(
        "Cortex-M",
        ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4", *_BARE),
        "arm-none-eabi-",
        ("-static", "-nostdlib"),
        ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", *_BARE),
    ),
}


def cross_toolchain(triple: str) -> Toolchain:
    """For static programs of `triple`: zig with its own libc, else a GNU compiler."""
    cross = _CROSS[triple]
    zig = _zig()
    if zig is not None:
        return _zig_toolchain(zig, cross.zig, cross.ldflags)
    cc, ar = shutil.which(f"{cross.prefix}gcc"), shutil.which(f"{cross.prefix}ar")
    if cc is None or ar is None:
        remedy = f"install one: pip install ziglang (or {cross.prefix}gcc)"
        raise BnncError.at("", f"no C compiler for {cross.system}", remedy)
    shown = " ".join((f"{cross.prefix}gcc", *cross.gnu_flags))
    return Toolchain((cc, *cross.gnu_flags), (ar,), shown, f"{cross.prefix}ar", cross.ldflags)


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
