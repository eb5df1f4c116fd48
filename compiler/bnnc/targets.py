"""The processors that bnnc compiles for."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bnnc.errors import BnncError

Kind = Literal["arm", "host"]
_AARCH64, _ARMV7 = "aarch64-linux-musl", "armv7-linux-musleabihf"
_RISCV64 = "riscv64-linux-musl"
BARE_TRIPLE = "thumbv7em-none-eabi"
_DEFAULTS: dict[Kind, str] = {"arm": "cortex-a72", "host": "native"}


@dataclass(frozen=True)
class Target:
    """A processor: `cpu` and `features` are LLVM's names (`-mcpu`, `-mattr`), `abi` that of its calls."""

    name: str
    kind: Kind
    triple: str
    cpu: str
    features: tuple[str, ...] = ()
    abi: str = ""

    @property
    def is_aarch64(self) -> bool:
        return self.triple.startswith(("aarch64", "arm64"))

    @property
    def has_dot_product(self) -> bool:
        """Whether an AArch64 core multiplies bytes four by four (FEAT_DotProd)."""
        return self.cpu in _DOT_PRODUCT

    @property
    def is_armv7(self) -> bool:
        """An application processor with NEON, in 32-bit state."""
        return self.triple == _ARMV7

    @property
    def is_riscv64(self) -> bool:
        return self.triple == _RISCV64

    @property
    def is_freestanding(self) -> bool:
        """A microcontroller: no operating system and no C library."""
        return self.triple == BARE_TRIPLE


# x86 levels of the System V ABI, each with the CPU flags (Linux's names) that it adds to the one before.
_X86_FLAGS = {
    "x86-64-v2": ("cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"),
    "x86-64-v3": ("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"),
    "x86-64-v4": ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
    "x86-64-v4-vpopcntdq": ("avx512_vpopcntdq", "avx512_vnni", "avx512vbmi"),
}
_X86_TARGETS = {
    "x86-64-v2": ("x86-64-v2", ()),
    "x86-64-v3": ("x86-64-v3", ()),
    "x86-64-v4": ("x86-64-v4", ("-prefer-256-bit",)),
    "x86-64-v4-vpopcntdq": (
        "x86-64-v4",
        ("-prefer-256-bit", "+avx512vpopcntdq", "+avx512vnni", "+avx512vbmi"),
    ),
}
_DOT_PRODUCT = ("cortex-a55", "cortex-a76", "cortex-x1", "neoverse-n1", "neoverse-v1")
_RV64GC = ("+m", "+a", "+f", "+d", "+c")
# Triple, LLVM's name, features and ABI. Kernels are written for the 128-bit registers of AArch64, of which
# neoverse-v1 has four units. SVE would only serve loops at the edges, and emulators need to be told of it.
_ARM_TARGETS: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "cortex-a53": (_AARCH64, "cortex-a53", (), ""),
    "cortex-a55": (_AARCH64, "cortex-a55", (), ""),
    "cortex-a72": (_AARCH64, "cortex-a72", (), ""),
    "cortex-a76": (_AARCH64, "cortex-a76", (), ""),
    "cortex-x1": (_AARCH64, "cortex-x1", (), ""),
    "neoverse-n1": (_AARCH64, "neoverse-n1", (), ""),
    "neoverse-v1": (_AARCH64, "neoverse-v1", ("-sve",), ""),
    "generic": (_AARCH64, "generic", (), ""),
    "cortex-a7": (_ARMV7, "cortex-a7", ("+neon",), "hard"),
    "cortex-m4": (BARE_TRIPLE, "cortex-m4", (), "soft"),
    "cortex-m7": (BARE_TRIPLE, "cortex-m7", (), "soft"),
    "rv64gc": (_RISCV64, "generic-rv64", _RV64GC, "lp64d"),
    "rv64gc-zbb": (_RISCV64, "generic-rv64", (*_RV64GC, "+zbb"), "lp64d"),
}


def target(kind: Kind, cpu: str | None = None) -> Target:
    """The target of that kind; `cpu` is a name out of `cpu_names(kind)`, by default cortex-a72 or native."""
    name = cpu or _DEFAULTS[kind]
    if name not in cpu_names(kind):
        known = ", ".join(cpu_names(kind))
        raise BnncError.at(f"target {kind}", f"unknown CPU {name!r}", f"known are {known}")
    if kind == "arm":
        triple, llvm_cpu, features, abi = _ARM_TARGETS[name]
        return Target(name, kind, triple, llvm_cpu, features, abi)
    resolved = _native_cpu() if name == "native" else name
    if resolved not in _X86_TARGETS:
        return Target(resolved, kind, _host_triple("aarch64"), resolved)
    llvm_cpu, features = _X86_TARGETS[resolved]
    return Target(resolved, kind, _host_triple("x86_64"), llvm_cpu, features)


def cpu_names(kind: Kind) -> tuple[str, ...]:
    """The CPU names that `target` knows."""
    return tuple(_ARM_TARGETS) if kind == "arm" else ("native", *_X86_TARGETS)


def x86_level(flags: Iterable[str]) -> str:
    """The highest x86 target whose flags, as /proc/cpuinfo names them, are all there."""
    found, level = set(flags), "x86-64-v2"
    for name, needed in _X86_FLAGS.items():
        if not found.issuperset(needed):
            break
        level = name
    return level


def _native_cpu() -> str:
    if platform.machine().lower() in ("aarch64", "arm64"):
        return "generic"
    return x86_level(_cpu_flags())


def _cpu_flags() -> list[str]:
    """The flags of the first core; none where the system does not tell them in Linux's way."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return []
    lines = cpuinfo.read_text().splitlines()
    return next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])


def _host_triple(machine: str) -> str:
    return f"{machine}-apple-macosx" if platform.system() == "Darwin" else f"{machine}-linux-gnu"
