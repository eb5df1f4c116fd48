"""Programs in an emulated core of this process: AArch64, ARMv7, Cortex-M and RISC-V."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.arm.machine import Machine, machine
from bnnc.arm.zbb import result as zbb_result
from bnnc.errors import BnncError

if TYPE_CHECKING:
    from unicorn import Uc

PAGE = 4096
STACK_TOP, STACK_BYTES = 0x7000_0000, 1 << 20  # programs are linked far below
MAGIC = b"bnnc-model-v1\0\0\0"  # BNNC_MAGIC of runtime/bnnc_model.h
_ILLEGAL = 2  # RISC-V's number of an instruction that a core does not know
_BOUNDARY = 64  # of the stack, where arguments do not fit registers


@dataclass(frozen=True)
class Image:
    """A static executable: its loadable segments as (address, bytes, size in memory), and where it starts.

    `headers` are the address, the size and the number of the program headers, which a C library asks for.
    """

    segments: tuple[tuple[int, bytes, int], ...]
    entry: int
    headers: tuple[int, int, int]
    machine: Machine


@dataclass(frozen=True)
class Model:
    """Addresses out of the program's `bnnc_model`."""

    run: int
    codes: int
    raw: int


def load_image(program: Path) -> Image:
    """Read an ELF file; BnncError when it is no static executable of an architecture that is emulated."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with program.open("rb") as file:
            elf = ELFFile(file)
            runs_on = machine(elf["e_machine"], elf["e_entry"])
            if runs_on is None or elf["e_type"] != "ET_EXEC":
                raise BnncError.at(
                    str(program), "not a static executable for ARM or RISC-V", "compile it again"
                )
            loaded = [part for part in elf.iter_segments() if part["p_type"] == "PT_LOAD"]
            segments = tuple((part["p_vaddr"], part.data(), part["p_memsz"]) for part in loaded)
            headers = (loaded[0]["p_vaddr"] + elf["e_phoff"], elf["e_phentsize"], elf["e_phnum"])
            return Image(segments, elf["e_entry"], headers, runs_on)
    except (OSError, ELFError) as error:
        raise BnncError.at(str(program), f"cannot be loaded ({error})", "compile it again") from error


def architecture(program: Path) -> str:
    """The name of the machine that a program is for; empty where there is no such program."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with program.open("rb") as file:
            elf = ELFFile(file)
            found = machine(elf["e_machine"], elf["e_entry"])
    except (OSError, ELFError):
        return ""
    return found.name if found else ""


class Core:
    """An emulated core with an image and a stack in its memory."""

    def __init__(self, image: Image) -> None:
        from unicorn import UC_HOOK_INTR, Uc

        self.image, self.machine = image, image.machine
        self.uc: Uc = Uc(self.machine.arch, self.machine.mode)
        self.uc.ctl_set_cpu_model(self.machine.model)
        for start, n_bytes in _pages((address, size) for address, _, size in image.segments):
            self.uc.mem_map(start, n_bytes)
        for address, data, _ in image.segments:
            self.write(address, data)
        self.uc.mem_map(STACK_TOP - STACK_BYTES, STACK_BYTES)
        for register, value in self.machine.setup:
            self.uc.reg_write(register, value)
        if self.machine.name == "riscv64":
            self.uc.hook_add(UC_HOOK_INTR, self._illegal)

    def model(self) -> Model:
        """The model that the image was linked with."""
        words = f"<3{self.machine.word}"
        for address, data, _ in self.image.segments:
            at = data.find(MAGIC)
            if at >= 0:
                found = self.read(address + at + len(MAGIC), struct.calcsize(words))
                return Model(*struct.unpack(words, found))
        raise BnncError("the program holds no model of this bnnc; compile it again")

    def read(self, address: int, n_bytes: int) -> bytes:
        """Bytes of the memory."""
        return bytes(self.uc.mem_read(address, n_bytes))

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into the memory."""
        self.uc.mem_write(address, data)

    def call(self, function: int, *arguments: int) -> int:
        """Call a C function with integers or pointers; returns its int."""
        on, back = self.machine, STACK_TOP - PAGE  # an address outside of all code, where emulation stops
        n_registers = len(on.arguments)
        more = arguments[n_registers:]
        stack = back - PAGE - -(-len(more) * on.pointer_bytes // _BOUNDARY) * _BOUNDARY
        self.write(stack, struct.pack(f"<{len(more)}{on.word}", *more))
        for register, value in zip(on.arguments, arguments, strict=False):
            self.uc.reg_write(register, value)
        self.uc.reg_write(on.stack, stack)
        self.uc.reg_write(on.link, back | (on.width == "thumb"))
        self.uc.emu_start(function, back)
        (result,) = struct.unpack("<i", struct.pack("<Q", self.uc.reg_read(on.result))[:4])
        return int(result)

    def _illegal(self, uc: Uc, number: int, _data: object) -> None:
        """An instruction that the emulator does not know, which it has passed already."""
        from unicorn.riscv_const import UC_RISCV_REG_X0

        if number != _ILLEGAL:
            return
        at = uc.reg_read(self.machine.counter) - 4
        instruction = int.from_bytes(self.read(at, 4), "little")
        written = zbb_result(instruction, lambda i: uc.reg_read(UC_RISCV_REG_X0 + i) if i else 0)
        assert written is not None, f"unknown instruction {instruction:08x} at {at:x}"
        if written[0]:
            uc.reg_write(UC_RISCV_REG_X0 + written[0], written[1])


class InstructionCounter:
    """Counts the instructions that a core executes, block by block."""

    def __init__(self, core: Core) -> None:
        from unicorn import UC_HOOK_BLOCK

        self._core, self._executed = core, 0
        self._known: dict[tuple[int, int], int] = {}
        core.uc.hook_add(UC_HOOK_BLOCK, self._count)

    def take(self) -> int:
        """The number since the last call."""
        executed, self._executed = self._executed, 0
        return executed

    def _count(self, _uc: Uc, address: int, n_bytes: int, _data: object) -> None:
        block = (address, n_bytes)
        if block not in self._known:
            self._known[block] = self._core.machine.instructions(self._core.read(address, n_bytes))
        self._executed += self._known[block]


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
