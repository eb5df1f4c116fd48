"""RISC-V's bit manipulation (Zbb) for an emulator that does not know it: what each instruction computes.

Encodings and meanings are those of the unprivileged ISA's chapter "B".
"""

from __future__ import annotations

from collections.abc import Callable

_OP_IMM, _OP_IMM_32, _OP, _OP_32 = 0x13, 0x1B, 0x33, 0x3B
_MASK = (1 << 64) - 1


def _signed(value: int, bits: int = 64) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _leading(value: int, bits: int) -> int:
    return bits - (value & ((1 << bits) - 1)).bit_length()


def _trailing(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return (value & -value).bit_length() - 1 if value else bits


def _right(value: int, by: int, bits: int) -> int:
    value, by = value & ((1 << bits) - 1), by % bits
    return _signed(value >> by | value << (bits - by), bits)


def _or_bytes(value: int) -> int:
    return sum(0xFF << i for i in range(0, 64, 8) if value >> i & 0xFF)


# (opcode, funct3, upper 12 bits) -> the result, from the first operand.
_UNARY: dict[tuple[int, int, int], Callable[[int], int]] = {
    (_OP_IMM, 1, 0x600): lambda a: _leading(a, 64),
    (_OP_IMM, 1, 0x601): lambda a: _trailing(a, 64),
    (_OP_IMM, 1, 0x602): lambda a: a.bit_count(),
    (_OP_IMM, 1, 0x604): lambda a: _signed(a, 8),
    (_OP_IMM, 1, 0x605): lambda a: _signed(a, 16),
    (_OP_IMM, 5, 0x287): _or_bytes,
    (_OP_IMM, 5, 0x6B8): lambda a: int.from_bytes(a.to_bytes(8, "little"), "big"),
    (_OP_IMM_32, 1, 0x600): lambda a: _leading(a, 32),
    (_OP_IMM_32, 1, 0x601): lambda a: _trailing(a, 32),
    (_OP_IMM_32, 1, 0x602): lambda a: (a & 0xFFFFFFFF).bit_count(),
    (_OP_32, 4, 0x080): lambda a: a & 0xFFFF,
}
# (opcode, funct3, funct7) -> the result, from both operands.
_BINARY: dict[tuple[int, int, int], Callable[[int, int], int]] = {
    (_OP, 7, 0x20): lambda a, b: a & ~b,
    (_OP, 6, 0x20): lambda a, b: a | ~b,
    (_OP, 4, 0x20): lambda a, b: ~(a ^ b),
    (_OP, 4, 0x05): lambda a, b: min(_signed(a), _signed(b)),
    (_OP, 5, 0x05): min,
    (_OP, 6, 0x05): lambda a, b: max(_signed(a), _signed(b)),
    (_OP, 7, 0x05): max,
    (_OP, 1, 0x30): lambda a, b: _right(a, -b, 64),
    (_OP, 5, 0x30): lambda a, b: _right(a, b, 64),
    (_OP_32, 1, 0x30): lambda a, b: _right(a, -b, 32),
    (_OP_32, 5, 0x30): lambda a, b: _right(a, b, 32),
}


def result(instruction: int, register: Callable[[int], int]) -> tuple[int, int] | None:
    """The register that an instruction writes, and its new value; None where it is none of Zbb.

    `register` tells the value of a register, unsigned.
    """
    opcode, target, funct3 = instruction & 0x7F, instruction >> 7 & 31, instruction >> 12 & 7
    a, upper = register(instruction >> 15 & 31), instruction >> 20
    if (opcode, funct3, upper) in _UNARY:
        return target, _UNARY[opcode, funct3, upper](a) & _MASK
    if (opcode, funct3, upper >> 6) == (_OP_IMM, 5, 0x18):
        return target, _right(a, upper & 63, 64) & _MASK
    if (opcode, funct3, upper >> 5) == (_OP_IMM_32, 5, 0x30):
        return target, _right(a, upper & 31, 32) & _MASK
    if (opcode, funct3, upper >> 5) in _BINARY:
        return target, _BINARY[opcode, funct3, upper >> 5](a, register(upper & 31)) & _MASK
    return None
