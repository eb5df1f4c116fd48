"""The architectures that programs are emulated on: what unicorn calls them, and how functions are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Width = Literal["fixed", "thumb", "compressed"]  # how long an instruction is


@dataclass(frozen=True)
class Machine:
    """Numbers are unicorn's. `setup` are registers that have to be written before vectors can be used.

    The number of a system call is in `call_number`, its six arguments begin where those of functions do, and
    `call_exception` says that there is one.
    """

    name: str
    arch: int
    mode: int
    model: int
    pointer_bytes: int
    stack: int
    link: int
    arguments: tuple[int, ...]
    counter: int
    call_number: int
    call_exception: int
    setup: tuple[tuple[int, int], ...]
    width: Width = "fixed"

    @property
    def result(self) -> int:
        """The register of a function's result."""
        return self.arguments[0]

    @property
    def call_arguments(self) -> tuple[int, ...]:
        """The registers of a system call's arguments."""
        return tuple(self.result + i for i in range(6))

    @property
    def word(self) -> str:
        """A pointer in the language of `struct`."""
        return "Q" if self.pointer_bytes == 8 else "I"

    def instructions(self, code: bytes) -> int:
        """How many instructions these bytes are."""
        if self.width == "fixed":
            return len(code) // 4
        count = at = 0
        while at < len(code):
            at += 4 if self._is_long(int.from_bytes(code[at : at + 2], "little")) else 2
            count += 1
        return count

    def _is_long(self, half: int) -> bool:
        """Whether an instruction that begins with these 16 bits has 32."""
        return half >> 11 in (0b11101, 0b11110, 0b11111) if self.width == "thumb" else half & 3 == 3


def machine(elf_machine: str, entry: int) -> Machine | None:
    """What runs an ELF file; None for architectures that bnnc does not compile for.

    Microcontrollers begin in Thumb state, which the lowest bit of the entry says; programs for Linux do not.
    """
    match elf_machine:
        case "EM_AARCH64":
            return _aarch64()
        case "EM_ARM":
            return _cortex_m() if entry & 1 else _armv7()
        case "EM_RISCV":
            return _riscv64()
        case _:
            return None


def _aarch64() -> Machine:
    import unicorn as u
    from unicorn import arm64_const as r

    return Machine(
        name="aarch64",
        arch=u.UC_ARCH_ARM64,
        mode=u.UC_MODE_ARM,
        model=r.UC_CPU_ARM64_MAX,
        pointer_bytes=8,
        stack=r.UC_ARM64_REG_SP,
        link=r.UC_ARM64_REG_X30,
        arguments=tuple(r.UC_ARM64_REG_X0 + i for i in range(8)),
        counter=r.UC_ARM64_REG_PC,
        call_number=r.UC_ARM64_REG_X8,
        call_exception=2,
        setup=((r.UC_ARM64_REG_CPACR_EL1, 3 << 20),),  # FPEN
    )


def _armv7() -> Machine:
    import unicorn as u
    from unicorn import arm_const as r

    return Machine(
        name="armv7",
        arch=u.UC_ARCH_ARM,
        mode=u.UC_MODE_ARM,
        model=r.UC_CPU_ARM_CORTEX_A7,
        pointer_bytes=4,
        stack=r.UC_ARM_REG_SP,
        link=r.UC_ARM_REG_LR,
        arguments=tuple(r.UC_ARM_REG_R0 + i for i in range(4)),
        counter=r.UC_ARM_REG_PC,
        call_number=r.UC_ARM_REG_R7,
        call_exception=2,
        setup=((r.UC_ARM_REG_C1_C0_2, 0xF << 20), (r.UC_ARM_REG_FPEXC, 1 << 30)),  # cp10, cp11; EN
    )


def _cortex_m() -> Machine:
    import unicorn as u
    from unicorn import arm_const as r

    return Machine(
        name="cortex-m",
        arch=u.UC_ARCH_ARM,
        mode=u.UC_MODE_THUMB | u.UC_MODE_MCLASS,
        model=r.UC_CPU_ARM_CORTEX_M4,
        pointer_bytes=4,
        stack=r.UC_ARM_REG_SP,
        link=r.UC_ARM_REG_LR,
        arguments=tuple(r.UC_ARM_REG_R0 + i for i in range(4)),
        counter=r.UC_ARM_REG_PC,
        call_number=r.UC_ARM_REG_R7,
        call_exception=2,
        setup=(),
        width="thumb",
    )


def _riscv64() -> Machine:
    import unicorn as u
    from unicorn import riscv_const as r

    return Machine(
        name="riscv64",
        arch=u.UC_ARCH_RISCV,
        mode=u.UC_MODE_RISCV64,
        model=r.UC_CPU_RISCV64_ANY,
        pointer_bytes=8,
        stack=r.UC_RISCV_REG_SP,
        link=r.UC_RISCV_REG_RA,
        arguments=tuple(r.UC_RISCV_REG_A0 + i for i in range(8)),
        counter=r.UC_RISCV_REG_PC,
        call_number=r.UC_RISCV_REG_A7,
        call_exception=8,
        setup=((r.UC_RISCV_REG_MSTATUS, 3 << 13),),  # FS
        width="compressed",
    )
