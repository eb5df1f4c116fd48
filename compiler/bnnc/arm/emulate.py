"""AArch64 programs in an emulated core of this process."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.errors import BnncError

if TYPE_CHECKING:
    from unicorn import Uc

PAGE = 4096
STACK_TOP, STACK_BYTES = 0x7000_0000, 1 << 20  # programs are linked far below
MAGIC = b"bnnc-model-v1\0\0\0"  # BNNC_MAGIC of runtime/bnnc_model.h
_FP_ENABLED = 3 << 20  # CPACR_EL1.FPEN: no trap on floating point and vector instructions


@dataclass(frozen=True)
class Image:
    """A static executable: its loadable segments as (address, bytes, size in memory), and where it starts.

    `headers` are the address and the number of the program headers, which a C library asks for.
    """

    segments: tuple[tuple[int, bytes, int], ...]
    entry: int
    headers: tuple[int, int]


@dataclass(frozen=True)
class Model:
    """Addresses out of the program's `bnnc_model`."""

    run: int
    codes: int
    raw: int


def load_image(program: Path) -> Image:
    """Read an ELF file; BnncError when it is no static AArch64 executable."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with program.open("rb") as file:
            elf = ELFFile(file)
            if elf["e_machine"] != "EM_AARCH64" or elf["e_type"] != "ET_EXEC":
                raise BnncError.at(str(program), "not a static AArch64 executable", "compile it again")
            loaded = [part for part in elf.iter_segments() if part["p_type"] == "PT_LOAD"]
            segments = tuple((part["p_vaddr"], part.data(), part["p_memsz"]) for part in loaded)
            headers = (loaded[0]["p_vaddr"] + elf["e_phoff"], elf["e_phnum"])
            return Image(segments, elf["e_entry"], headers)
    except (OSError, ELFError) as error:
        raise BnncError.at(str(program), f"cannot be loaded ({error})", "compile it again") from error


class Core:
    """An emulated AArch64 core with an image and a stack in its memory."""

    def __init__(self, image: Image) -> None:
        from unicorn import UC_ARCH_ARM64, UC_MODE_ARM, Uc
        from unicorn.arm64_const import UC_ARM64_REG_CPACR_EL1, UC_CPU_ARM64_MAX

        self.image = image
        self.uc: Uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        self.uc.ctl_set_cpu_model(UC_CPU_ARM64_MAX)
        for start, n_bytes in _pages((address, size) for address, _, size in image.segments):
            self.uc.mem_map(start, n_bytes)
        for address, data, _ in image.segments:
            self.write(address, data)
        self.uc.mem_map(STACK_TOP - STACK_BYTES, STACK_BYTES)
        self.uc.reg_write(UC_ARM64_REG_CPACR_EL1, _FP_ENABLED)

    def model(self) -> Model:
        """The model that the image was linked with."""
        for address, data, _ in self.image.segments:
            at = data.find(MAGIC)
            if at >= 0:
                return Model(*struct.unpack("<3Q", self.read(address + at + len(MAGIC), 24)))
        raise BnncError("the program holds no model of this bnnc; compile it again")

    def read(self, address: int, n_bytes: int) -> bytes:
        """Bytes of the memory."""
        return bytes(self.uc.mem_read(address, n_bytes))

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into the memory."""
        self.uc.mem_write(address, data)

    def call(self, function: int) -> int:
        """Call a C function without arguments; returns its int."""
        from unicorn.arm64_const import UC_ARM64_REG_SP, UC_ARM64_REG_X0, UC_ARM64_REG_X30

        back = STACK_TOP - PAGE  # a return address outside of all code, where emulation stops
        self.uc.reg_write(UC_ARM64_REG_SP, back - PAGE)
        self.uc.reg_write(UC_ARM64_REG_X30, back)
        self.uc.emu_start(function, back)
        (result,) = struct.unpack("<i", struct.pack("<Q", self.uc.reg_read(UC_ARM64_REG_X0))[:4])
        return int(result)


class InstructionCounter:
    """Counts the instructions that a core executes, block by block."""

    def __init__(self, core: Core) -> None:
        from unicorn import UC_HOOK_BLOCK

        self._executed = 0
        core.uc.hook_add(UC_HOOK_BLOCK, self._count)

    def take(self) -> int:
        """The number since the last call."""
        executed, self._executed = self._executed, 0
        return executed

    def _count(self, _uc: Uc, _address: int, n_bytes: int, _data: object) -> None:
        self._executed += n_bytes // 4


def _pages(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """(start, bytes) of the pages that cover all (address, bytes), merged where they meet."""
    merged: list[tuple[int, int]] = []
    for address, size in sorted(ranges):
        start, end = address // PAGE * PAGE, -(-(address + size) // PAGE) * PAGE
        if merged and start <= sum(merged[-1]):
            start, before = merged.pop()
            end = max(end, start + before)
        merged.append((start, end - start))
    return merged
