"""Whole programs in an emulated core: the few Linux calls that a C library makes for files."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.arm.emulate import PAGE, STACK_TOP, Core, Image, load_image

if TYPE_CHECKING:
    from unicorn import Uc

HEAP = 0x4000_0000  # the first address that mmap gives
_NO_BREAK = 0x3000_0000  # brk never moves, so that the C library takes its memory from mmap
_CREATE, _EXCLUSIVE, _TRUNCATE = 0o100, 0o200, 0o1000
_PHDR, _PHENT, _PHNUM, _PAGESZ, _PLATFORM, _HWCAP, _RANDOM = 3, 4, 5, 6, 15, 16, 25  # auxiliary vector
_HAS_TLS = 1 << 15  # HWCAP of ARMv7: a register for thread-local storage
_ILLEGAL = 2  # RISC-V's number of an unknown instruction


@dataclass(frozen=True)
class Finished:
    """What a program left: `files` holds everything there was and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes
    files: dict[str, bytes]


def run_program(
    program: Path, arguments: Sequence[str], stdin: bytes = b"", files: Mapping[str, bytes] | None = None
) -> Finished:
    """Run an executable with standard input and a few files of its own; it sees no others."""
    from unicorn import UC_HOOK_INTR

    image = load_image(program)
    core = Core(image)
    kernel = _kernel_of(core)(core, stdin, files or {})
    core.uc.hook_add(UC_HOOK_INTR, kernel.interrupt)
    core.uc.reg_write(core.machine.stack, _fill_stack(core, image, (program.name, *arguments)))
    core.uc.emu_start(image.entry, 0)
    assert kernel.status is not None, "the program stopped without an exit"
    stored = {name: bytes(data) for name, data in kernel.files.items()}
    return Finished(kernel.status, bytes(kernel.stdout), bytes(kernel.stderr), stored)


def _fill_stack(core: Core, image: Image, arguments: Sequence[str]) -> int:
    """The stack pointer above argc, argv, an empty environment and the auxiliary vector."""
    texts, addresses = bytearray(16) + b"v7l\0", []  # 16 "random" bytes, and what ARMv7 asks for
    for argument in arguments:
        addresses.append(len(texts))
        texts += argument.encode() + b"\0"
    base = (STACK_TOP - PAGE - len(texts)) & -16
    core.write(base, bytes(texts))
    table, size, count = image.headers
    auxiliary = {_PHDR: table, _PHENT: size, _PHNUM: count, _PAGESZ: PAGE, _RANDOM: base}
    auxiliary |= {_PLATFORM: base + 16, _HWCAP: _HAS_TLS} if core.machine.name == "armv7" else {}
    words = [len(addresses), *(base + a for a in addresses), 0, 0]
    words += [word for pair in auxiliary.items() for word in pair] + [0, 0]
    pointer = (base - core.machine.pointer_bytes * len(words)) & -16
    core.write(pointer, struct.pack(f"<{len(words)}{core.machine.word}", *words))
    return pointer


@dataclass
class _Open:
    """A descriptor: what it reads from and writes to, and where it stands. Streams cannot seek."""

    data: bytearray
    position: int = 0
    is_stream: bool = False

    def read(self, n_bytes: int) -> bytes:
        """Up to so many bytes; none at the end."""
        chunk = bytes(self.data[self.position : self.position + n_bytes])
        self.position += len(chunk)
        return chunk

    def write(self, chunk: bytes) -> int:
        """Streams grow at their end, files where they stand."""
        if self.is_stream:
            self.position = len(self.data)
        self.data[self.position : self.position + len(chunk)] = chunk
        self.position += len(chunk)
        return len(chunk)


class _Kernel:
    """Answers calls by number; a negative answer is an error number."""

    def __init__(self, core: Core, stdin: bytes, files: Mapping[str, bytes]) -> None:
        self.core = core
        self.files = {name: bytearray(data) for name, data in files.items()}
        self.stdout, self.stderr = bytearray(), bytearray()
        self.status: int | None = None
        streams = (bytearray(stdin), self.stdout, self.stderr)
        self._open = {number: _Open(data, is_stream=True) for number, data in enumerate(streams)}
        self._next_address = HEAP
        self._nanoseconds = 0
        self._calls = self._table()

    def _table(self) -> dict[int, Callable[..., int]]:
        """The calls of the architectures that came to Linux late, AArch64 and RISC-V."""
        return {
            29: self._ioctl,
            35: self._unlinkat,
            56: self._openat,
            57: self._close,
            62: self._lseek,
            63: self._read,
            64: self._write,
            65: self._readv,
            66: self._writev,
            93: self._exit,
            94: self._exit,
            96: lambda *_: 1,  # set_tid_address
            113: self._clock_gettime,
            214: lambda *_: _NO_BREAK,
            215: self._munmap,
            222: self._mmap,
        }

    def interrupt(self, uc: Uc, number: int, _data: object) -> None:
        """Answer the call whose number and arguments are in registers."""
        on = self.core.machine
        if number == _ILLEGAL and on.name == "riscv64":
            return  # the core answers this one
        assert number == on.call_exception, f"exception {number} in the program"
        call = self._calls.get(uc.reg_read(on.call_number))
        arguments = [int(uc.reg_read(register)) for register in on.call_arguments]
        answer = call(*arguments) if call else -errno.ENOSYS
        uc.reg_write(on.result, answer & (1 << 8 * on.pointer_bytes) - 1)

    def _ioctl(self, *_: int) -> int:
        """Nothing is a terminal."""
        return -errno.ENOTTY

    def _exit(self, status: int, *_: int) -> int:
        self.status = status & 0xFF
        self.core.uc.emu_stop()
        return 0

    def _openat(self, _folder: int, path: int, flags: int, *_: int) -> int:
        name = self._text(path)
        if name not in self.files and not flags & _CREATE:
            return -errno.ENOENT
        if name in self.files and flags & _EXCLUSIVE:
            return -errno.EEXIST
        data = self.files.setdefault(name, bytearray())
        if flags & _TRUNCATE:
            data.clear()
        number = max(self._open) + 1
        self._open[number] = _Open(data)
        return number

    def _close(self, number: int, *_: int) -> int:
        return 0 if self._open.pop(number, None) else -errno.EBADF

    def _unlinkat(self, _folder: int, path: int, *_: int) -> int:
        return 0 if self.files.pop(self._text(path), None) is not None else -errno.ENOENT

    def _lseek(self, number: int, offset: int, whence: int, *_: int) -> int:
        file = self._open[number]
        if file.is_stream:
            return -errno.ESPIPE
        offset -= (offset >> 63) << 64
        file.position = offset + (0, file.position, len(file.data))[whence]
        return file.position

    def _read(self, number: int, address: int, n_bytes: int, *_: int) -> int:
        chunk = self._open[number].read(n_bytes)
        self.core.write(address, chunk)
        return len(chunk)

    def _write(self, number: int, address: int, n_bytes: int, *_: int) -> int:
        return self._open[number].write(self.core.read(address, n_bytes))

    def _readv(self, number: int, vectors: int, count: int, *_: int) -> int:
        return sum(self._read(number, *vector) for vector in self._vectors(vectors, count))

    def _writev(self, number: int, vectors: int, count: int, *_: int) -> int:
        return sum(self._write(number, *vector) for vector in self._vectors(vectors, count))

    def _clock_gettime(self, _clock: int, address: int, *_: int) -> int:
        """A clock that ticks once a call: the same answers in every run."""
        self._nanoseconds += 1000
        self.core.write(address, struct.pack("<2q", *divmod(self._nanoseconds, 10**9)))
        return 0

    def _mmap(self, _address: int, n_bytes: int, *_: int) -> int:
        address, size = self._next_address, -(-n_bytes // PAGE) * PAGE
        self.core.uc.mem_map(address, size)
        self._next_address += size + PAGE
        return address

    def _munmap(self, address: int, n_bytes: int, *_: int) -> int:
        self.core.uc.mem_unmap(address, -(-n_bytes // PAGE) * PAGE)
        return 0

    def _vectors(self, address: int, count: int) -> list[tuple[int, int]]:
        on = self.core.machine
        table = self.core.read(address, 2 * on.pointer_bytes * count)
        return list(struct.iter_unpack(f"<2{on.word}", table))

    def _text(self, address: int) -> str:
        octets = bytearray()
        while (octet := self.core.read(address + len(octets), 1)) != b"\0":
            octets += octet
        return octets.decode()


class _Armv7Kernel(_Kernel):
    """The numbers of ARMv7, and what its registers of 32 bits need."""

    def _table(self) -> dict[int, Callable[..., int]]:
        return {
            1: self._exit,
            3: self._read,
            4: self._write,
            5: lambda path, flags, *_: self._openat(0, path, flags),
            6: self._close,
            10: lambda path, *_: self._unlinkat(0, path),
            45: lambda *_: _NO_BREAK,
            54: self._ioctl,
            91: self._munmap,
            140: self._llseek,
            145: self._readv,
            146: self._writev,
            192: self._mmap,
            248: self._exit,
            256: lambda *_: 1,  # set_tid_address
            322: self._openat,
            328: self._unlinkat,
            403: self._clock_gettime,
            0xF0005: self._set_tls,
        }

    def _llseek(self, number: int, high: int, low: int, result: int, whence: int, *_: int) -> int:
        """An offset in two halves; the position goes to memory."""
        position = self._lseek(number, high << 32 | low, whence)
        if position < 0:
            return position
        self.core.write(result, struct.pack("<q", position))
        return 0

    def _set_tls(self, pointer: int, *_: int) -> int:
        from unicorn.arm_const import UC_ARM_REG_C13_C0_3

        self.core.uc.reg_write(UC_ARM_REG_C13_C0_3, pointer)
        return 0


def _kernel_of(core: Core) -> type[_Kernel]:
    return _Armv7Kernel if core.machine.name == "armv7" else _Kernel
