"""The .npy reader of the C runtime, under sanitizers where there are any: NumPy's files and hostile ones."""

from __future__ import annotations

import io
import struct
import subprocess
import tokenize
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bnnc.resources import resource

HARNESS = """
#include "bnnc_npy.h"
#include <inttypes.h>
/* For every file: its type and shape with the header that would be written for it, or what is wrong. */
int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct bnnc_npy npy;
        FILE *const file = fopen(argv[i], "rb");
        if (file == NULL) return 1;
        const char *const wrong = bnnc_npy_read(file, &npy);
        fclose(file);
        if (wrong != NULL) {
            printf("error: %s\\n", wrong);
            continue;
        }
        printf("%s", bnnc_type_name(npy.type));
        for (size_t d = 0; d < npy.rank; d++) printf(" %" PRIu64, npy.shape[d]);
        printf("\\n");
        FILE *const again = fopen("again.npy", "wb");
        if (again == NULL || !bnnc_npy_write(again, &npy) || fclose(again) != 0) return 1;
    }
    return 0;
}
"""
DTYPES = ("float32", "float64", "uint8", "int8", "uint16", "int16", "int32", "int64")
Read = Callable[[Sequence[bytes]], list[str]]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Reads files with the C reader, a line for each."""
    folder = tmp_path_factory.mktemp("npy")
    (folder / "harness.c").write_text(HARNESS)
    runtime = resource("bnnc.runtime")
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-g", f"-I{runtime}", "harness.c"]
    command += [str(runtime / "bnnc_npy.c"), "-o", "harness"]
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    if subprocess.run([*command, *sanitize], cwd=folder, capture_output=True, check=False).returncode:
        subprocess.run(command, cwd=folder, check=True)

    def run(files: Sequence[bytes]) -> list[str]:
        names = [f"{i}.npy" for i in range(len(files))]
        for name, data in zip(names, files, strict=True):
            (folder / name).write_bytes(data)
        done = subprocess.run(["./harness", *names], cwd=folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().splitlines()

    return run


def npy(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version)
    return buffer.getvalue()


def with_header(text: str | bytes, version: int = 1, length: int | None = None) -> bytes:
    header = text.encode() if isinstance(text, str) else text
    size = len(header) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + header


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_files_of_numpy(read: Read, version: tuple[int, int]) -> None:
    shapes = [(), (1,), (3, 4), (1, 2, 3, 4, 5, 6, 7, 8), (0, 3)]
    arrays = [np.zeros(shape, dtype) for dtype in DTYPES for shape in shapes]
    wanted = [" ".join([a.dtype.name, *map(str, a.shape)]) for a in arrays]
    assert read([npy(a, version) for a in arrays]) == wanted


def test_what_is_refused(read: Read) -> None:
    arrays = [np.zeros(3, kind) for kind in ("<c8", ">f4", "?", "<u4", "<u8", "<f2", "S3")]
    arrays += [np.zeros((1,) * 9), np.zeros(3, [("a", "<f4")])]
    arrays.append(np.asfortranarray(np.zeros((2, 3))))
    assert all(line.startswith("error: ") for line in read([npy(a) for a in arrays]))


HEADERS = (
    "",
    "{",
    "{}",
    "'descr' 'fortran_order' 'shape'",
    "{'descr': '<f4', 'fortran_order': False, 'shape': ",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3 4), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999999,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 2000 + "), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (,), }",
    "{'descr': '<f', 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<f4",
    "{'descr': '<f44', 'fortran_order': False, 'shape': (3,), }",
    "{'descr': <f4, 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<f4', 'fortran_order': Perhaps, 'shape': (3, 3), }",
    "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 3), }",
)


def test_hostile_headers(read: Read) -> None:
    files = [with_header(header, version) for header in HEADERS for version in (1, 2, 3)]
    files += [with_header(HEADERS[4], length=n) for n in (0, 1, 5, 4096, 4097, 65535)]
    files += [
        with_header("{'descr': '<f4', \0'shape': (1,)}"),
        with_header("", 2, 2**32 - 1),
        with_header("{}", 9),
    ]
    assert [line for line in read(files) if not line.startswith("error: ")] == []


def test_every_truncation(read: Read) -> None:
    whole = npy(np.zeros((2, 3), np.float32))
    lines = read([whole[:n] for n in range(129)])
    assert all(line.startswith("error: ") for line in lines[:128]) and lines[128] == "float32 2 3"


def test_random_damage(read: Read) -> None:
    """No byte makes the reader fall; what it still takes, NumPy takes as the same type and shape."""
    rng = np.random.default_rng(5)
    whole, files = npy(np.zeros((20, 30), np.int16)), []
    for _ in range(1500):
        damaged = bytearray(whole[:200])
        for at in rng.integers(0, 128, rng.integers(1, 4)):
            damaged[at] = rng.integers(0, 256)
        files.append(bytes(damaged))
    lines = read(files)
    assert len(lines) == len(files) and any(not line.startswith("error: ") for line in lines)
    for line, data in zip(lines, files, strict=True):
        assert line.startswith("error: ") or agrees(line, data)


def agrees(line: str, data: bytes) -> bool:
    """NumPy is stricter about what stands around the three values; it must not read other ones."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        reader = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = reader(stream)
    except (ValueError, SyntaxError, tokenize.TokenError):
        return True
    return line == " ".join([dtype.name, *map(str, shape)])
