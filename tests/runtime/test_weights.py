"""The C decoder of weights, under sanitizers where there are any: blobs of Python, and hostile ones."""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnnc.ir.op import Array
from bnnc.resources import resource
from bnnc.storage import container, huffman, sparse
from bnnc.storage.container import JOINED, KERNELS, RAW, SORTED, SYMBOLS, Section
from bnnc.storage.entries import Joined, Sorted, joined, sorted_by_code
from bnnc.storage.panels import (
    BITS,
    BYTES,
    NO_MASKS,
    SIGNS,
    Masks,
    Panels,
    fill,
    join,
    paired_panels,
    plain_panels,
    run_panels,
)

HARNESS = """
#include "bnnc_weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* Standard input: per blob its size, that of the memory, the blob. Standard output: the status, and the
 * memory if it is 0. Either has a block of its own, so that the sanitizer sees every byte beyond. */
int main(void) {
    uint32_t size[2];
    while (fread(size, sizeof size, 1, stdin) == 1) {
        uint8_t *const blob = malloc(size[0]), *const memory = malloc(size[1]);
        if (size[0] != 0 && fread(blob, size[0], 1, stdin) != 1) return 1;
        if (size[1] != 0) memset(memory, 0xA5, size[1]);
        const unsigned char status = (unsigned char)bnnc_weights_decode(blob, size[0], memory, size[1]);
        fwrite(&status, 1, 1, stdout);
        if (status == 0) fwrite(memory, 1, size[1], stdout);
        free(blob);
        free(memory);
    }
    return 0;
}
"""
OK, NO_BLOB, CUT_OFF, SECTIONS, CODE, STREAM, PANELS, ENTRIES, CHECK_SUM = range(9)
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wpedantic", "-O1", "-g"]
Blob = tuple[bytes, int]  # with the size of the memory
Decode = Callable[[Sequence[Blob]], list[tuple[int, bytes]]]


@pytest.fixture(scope="module")
def decode(tmp_path_factory: pytest.TempPathFactory) -> Decode:
    """Decodes blobs with the C decoder: the status of each, and the memory."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "harness.c").write_text(HARNESS)
    runtime = resource("bnnc.runtime")
    sources = [str(runtime / f"bnnc_{part}.c") for part in ("weights", "stream", "panels", "sparse")]
    command = ["cc", *FLAGS, f"-I{runtime}", "harness.c", *sources, "-o", "harness"]
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    if subprocess.run([*command, *sanitize], cwd=folder, capture_output=True, check=False).returncode:
        subprocess.run(command, cwd=folder, check=True)

    def run(blobs: Sequence[Blob]) -> list[tuple[int, bytes]]:
        data = b"".join(struct.pack("<II", len(blob), n) + blob for blob, n in blobs)
        done = subprocess.run([folder / "harness"], input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return _answers(done.stdout, [n for _, n in blobs])

    return run


def _answers(output: bytes, sizes: Sequence[int]) -> list[tuple[int, bytes]]:
    answers, at = [], 0
    for n in sizes:
        status, at = output[at], at + 1
        memory = output[at : at + n] if status == OK else b""
        at += len(memory)
        answers.append((status, memory))
    assert at == len(output)
    return answers


def frequent(n: int, symbol_bits: int, seed: int) -> Array:
    """Symbols with codes of very different lengths."""
    rng = np.random.default_rng(seed)
    symbols = rng.geometric(rng.choice([0.02, 0.3, 0.7]), n) - 1
    clipped: Array = symbols.clip(0, 2**symbol_bits - 1).astype(np.uint16)
    return clipped


def symbols_section(start: int, memory: bytes) -> Section:
    return Section(SYMBOLS, start, len(memory), container.symbols_payload(memory))


def kernels_section(
    start: int, latent: Array, masks: Masks, layout: Panels, n_bytes: int
) -> tuple[Section, bytes]:
    memory = fill(join(latent, masks), layout, n_bytes)
    return Section(KERNELS, start, n_bytes, container.kernels_payload(latent, masks, layout)), memory


def one_section(section: Section, memory: bytes) -> Blob:
    return container.write([section], memory), len(memory)


def test_bytes_of_every_alphabet(decode: Decode) -> None:
    memories = [
        frequent(n, bits, seed=n).astype(np.uint8).tobytes()
        for bits in range(1, 9)
        for n in (1, 2, 7, 8, 9, 1000)
    ]
    answers = decode([one_section(symbols_section(0, memory), memory) for memory in memories])
    assert answers == [(OK, memory) for memory in memories]


def test_codes_of_15_bits(decode: Decode) -> None:
    """Fibonacci counts make the longest codes."""
    a, b, memory = 1, 1, bytearray()
    for symbol in range(20):
        memory += bytes([symbol]) * a
        a, b = b, a + b
    data = bytes(memory)
    assert huffman.code_lengths(np.bincount(memory, minlength=32)).max() == 15
    assert decode([one_section(symbols_section(0, data), data)]) == [(OK, data)]


SHAPES = [(1, 1, 8, 1), (4, 31, 8, 2), (8, 32, 8, 1), (12, 33, 16, 3), (24, 65, 8, 2), (48, 5, 32, 1)]


def layouts(out: int, inputs: int, width: int, groups: int) -> list[tuple[Panels, int]]:
    """Plain panels of every element and paired ones, each with the size of its memory."""
    panels, words, made = groups * (-(-out // (groups * width)) + out % 3), -(-inputs // 32), []
    for element, row in ((BITS, 32 * words), (SIGNS, inputs), (BYTES, 8 * inputs)):
        layout = plain_panels((out, inputs), groups, panels, width, element)
        made.append((layout, panels * width * 9 * row // 8))
    for element, bits in ((SIGNS, 1), (BYTES, 8)) if groups == 1 and inputs % 4 == 0 else ():
        layout = run_panels((out, inputs), panels, width, 4, element)
        made.append((layout, panels * width * 9 * inputs * bits // 8))
    for half in (1, 2, 4):
        pairs = -(-words // (2 * half))
        layout = paired_panels((out, inputs), groups, panels, width, half, 4 // half)
        made.append((layout, panels * width * 9 * pairs * 2 * half * 4))
    return made


@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_in_every_layout(decode: Decode, shape: tuple[int, int, int, int]) -> None:
    made, (out, inputs, _, _) = [], shape
    for layout, n_bytes in layouts(*shape):
        for copies, order in ((1, 0), (2, 0), (2, 1), (4, 0), (4, 1)):
            if out % copies == 0:
                latent = frequent(out // copies * inputs, 9, out).reshape(-1, inputs)
                masks = Masks((0, *range(1, copies)), order)
                turned = replace(layout, turned=((1 << out) // 3).to_bytes(-(-out // 8), "little"))
                made.append(kernels_section(0, latent, masks, layout, n_bytes))
                made.append(kernels_section(0, latent, masks, turned, n_bytes))
    assert decode([one_section(*pair) for pair in made]) == [(OK, memory) for _, memory in made]


def pruned(out: int, features: int, density: float, seed: int) -> Array:
    """Weights of which few are not 0."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((out, features)) < density, rng.choice([-9, 2, 5, 300], (out, features)), 0)


def entries_section(start: int, form: int, entries: Joined | Sorted) -> tuple[Section, bytes]:
    memory = entries.memory()
    return Section(form, start, len(memory), entries.payload()), memory


@pytest.mark.parametrize("density", [0.0, 0.001, 0.1, 1.0])
def test_sparse_rows(decode: Decode, density: float) -> None:
    made = []
    for out, features in ((1, 1), (3, 300), (40, 700), (2, 70_000)):
        weights = sparse.encode(pruned(out, features, density, out), 5)
        made.append(entries_section(0, JOINED, joined(weights)))
        columns_at = 4 * (out * 4 + 3)
        for element in (2, 4) if features <= 1 << 16 else (4,):
            made.append(entries_section(0, SORTED, sorted_by_code(weights, features, columns_at, element)))
        narrow = sparse.SparseWeights(weights.rows, weights.gaps, weights.codes, weights.table, 5, 3)
        made.append(entries_section(0, JOINED, joined(narrow)))
    assert decode([one_section(*pair) for pair in made]) == [(OK, memory) for _, memory in made]


def blob() -> tuple[bytes, bytes]:
    """A blob with every form in it, and what it decodes to."""
    eight = replace(plain_panels((8, 33), 1, 2, 4, BITS), turned=b"\x5a")
    first, panels = kernels_section(5, frequent(132, 9, 1).reshape(4, 33), Masks((0, 3), 1), eight, 576)
    three = plain_panels((3, 5), 1, 2, 4, BYTES)
    more, signs = kernels_section(5 + len(panels), frequent(15, 9, 2).reshape(3, 5), NO_MASKS, three, 360)
    three = paired_panels((3, 40), 1, 1, 4, 2, 2)
    latent, at = frequent(120, 9, 3).reshape(3, 40), 5 + len(panels) + len(signs)
    last, words = kernels_section(at, latent, NO_MASKS, three, 576)
    few = bytes([1, 2, 1, 1, 200] * 20)
    weights = sparse.encode(pruned(3, 600, 0.02, 0), 6)
    front = bytes(5) + panels + signs + words + few
    pairs, pair = entries_section(len(front), JOINED, joined(weights))
    columns, column = entries_section(len(front) + len(pair), SORTED, sorted_by_code(weights, 600, 60, 2))
    memory = front + pair + column + bytes(3) + b"raw"
    end = len(front) - len(few)
    sections = [
        first,
        more,
        last,
        symbols_section(end, few),
        pairs,
        columns,
        Section(RAW, len(memory) - 3, 3, b"raw"),
    ]
    return container.write(sections, memory), memory


def test_a_blob_of_all_forms(decode: Decode) -> None:
    whole, memory = blob()
    empty = container.write([], b""), 0
    assert decode([(whole, len(memory)), empty]) == [(OK, memory), (OK, b"")]


def test_every_truncation_is_refused(decode: Decode) -> None:
    whole, memory = blob()
    blobs = [(whole[:n], len(memory)) for n in range(len(whole))]
    blobs += [(whole + b"\0", len(memory)), (whole, len(memory) + 1), (whole, len(memory) - 1), (whole, 0)]
    assert all(status != OK for status, _ in decode(blobs))


def test_every_flipped_bit_is_refused(decode: Decode) -> None:
    whole, memory = blob()
    blobs = []
    for at in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            blobs.append((bytes(damaged), len(memory)))
    assert all(status != OK for status, _ in decode(blobs))


def coded(lengths: Sequence[int], symbols: int, bits: int, data: bytes, symbol_bits: int = 2) -> bytes:
    """A stream made by hand."""
    nibbles = bytes(a | b << 4 for a, b in zip(lengths[::2], lengths[1::2], strict=True))
    return huffman.HEADER.pack(symbol_bits, 0, 0, symbols, bits) + nibbles + data


def pairs_of(
    gap_bits: int, element: int, first: int | None = None, codes: Sequence[int] = (1, 0, 3)
) -> bytes:
    """Three entries with gaps 2, 0, 3, side by side."""
    gaps = huffman.encode(np.array([2, 0, 3], np.uint16), 2)
    size = len(gaps) if first is None else first
    return (
        struct.pack("<BBHI", gap_bits, element, 0, size)
        + gaps
        + huffman.encode(np.array(codes, np.uint16), 2)
    )


def columns_of(
    rows: int = 2,
    features: int = 4,
    codes: int = 2,
    element: int = 2,
    zero: int = 0,
    columns_at: int = 20,
    first: int | None = None,
    gaps: Sequence[int] = (1, 0, 1),
) -> bytes:
    """Entries of codes 1, 0, 1 at positions 1, 2, 4 of 2 rows of 4: 5 ends and 3 columns."""
    stream = huffman.encode(np.array(gaps, np.uint16), 8)
    size = len(stream) if first is None else first
    header = struct.pack("<IIHBBII", rows, features, codes, element, zero, columns_at, size)
    return header + stream + huffman.encode(np.array([1, 0, 1], np.uint16), 1)


KERNEL = huffman.encode(np.zeros(1, np.uint16), 9)
ONE = Panels(1, 1, 1, 1, (), ((9, 32),), ((32, 1),), BITS)  # a kernel in 36 bytes
PAIR = Panels(1, 1, 1, 1, (), ((9, 64),), ((32, 1), (2, 32)), BITS, 1)  # in 72 bytes


def kernels_of(
    layout: Panels = ONE,
    *,
    masks: Sequence[int] = (0,),
    order: int = 0,
    stream: bytes = KERNEL,
    copies: int | None = None,
    turns: tuple[int, int] | None = None,
    **changes: Any,
) -> bytes:
    """A payload of one kernel, changed."""
    made = replace(layout, **changes)
    axes = (made.outputs, made.taps, made.channels)
    header = struct.pack(
        "<HHHHHBBBBBBBB",
        *(made.out, made.inputs, made.group_out, made.group_capacity),
        len(masks) if copies is None else copies,
        *(made.element, made.half, order),
        *map(len, axes),
        *((len(made.turned) > 0, 0) if turns is None else turns),
    )
    digits = b"".join(struct.pack("<HI", *digit) for axis in axes for digit in axis)
    return header + digits + struct.pack(f"<{len(masks)}H", *masks) + made.turned + stream


TWO = replace(ONE, out=2, outputs=((2, 288),), group_out=2, group_capacity=2)
TWICE = huffman.encode(np.zeros(2, np.uint16), 9)
HOSTILE = {
    "a good one": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 0), 3, 5, b"\xb0")), 3, CHECK_SUM),
    "an unknown form": (Section(5, 0, 3, b"abc"), 3, SECTIONS),
    "raw, too short": (Section(RAW, 0, 3, b"ab"), 3, SECTIONS),
    "raw, too long": (Section(RAW, 0, 3, b"abcd"), 3, SECTIONS),
    "behind the memory": (Section(RAW, 4, 0, b""), 3, SECTIONS),
    "beyond the memory": (Section(RAW, 1, 3, b"abc"), 3, SECTIONS),
    "beyond 2^32": (Section(RAW, 2**32 - 1, 3, b"abc"), 3, SECTIONS),
    "no header": (Section(SYMBOLS, 0, 3, b"\2\0\0"), 3, CUT_OFF),
    "no lengths": (Section(SYMBOLS, 0, 3, coded((), 3, 0, b"")), 3, CUT_OFF),
    "no alphabet": (Section(SYMBOLS, 0, 3, coded((1, 1), 3, 3, b"\0", 0)), 3, STREAM),
    "10 bits": (Section(SYMBOLS, 0, 3, coded((1, 1) * 512, 3, 3, b"\0", 10)), 3, STREAM),
    "9 bits for bytes": (Section(SYMBOLS, 0, 3, coded((1, 1) + (0,) * 510, 3, 3, b"\0", 9)), 3, STREAM),
    "no code": (Section(SYMBOLS, 0, 3, coded((0, 0, 0, 0), 3, 5, b"\0")), 3, CODE),
    "half a code": (Section(SYMBOLS, 0, 3, coded((1, 0, 0, 0), 3, 3, b"\0")), 3, CODE),
    "a code left over": (Section(SYMBOLS, 0, 3, coded((1, 2, 3, 0), 3, 5, b"\0")), 3, CODE),
    "a code too many": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 15), 3, 5, b"\0")), 3, CODE),
    "far too many codes": (Section(SYMBOLS, 0, 3, coded((1, 1, 1, 1), 3, 5, b"\0")), 3, CODE),
    "too few symbols": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 0), 2, 5, b"\xb0")), 3, STREAM),
    "too few bits": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 0), 3, 4, b"\xb0")), 3, STREAM),
    "a bit too many": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 0), 3, 6, b"\xb0")), 3, STREAM),
    "a byte too many": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 0), 3, 5, b"\xb0\0")), 3, CUT_OFF),
    "no byte": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 0), 3, 5, b"")), 3, CUT_OFF),
    "2^32 bits": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 0), 3, 2**32 - 1, b"\xb0")), 3, CUT_OFF),
    "filling that is not 0": (Section(SYMBOLS, 0, 3, coded((1, 2, 2, 0), 3, 5, b"\xb4")), 3, STREAM),
    **{
        f"kernels {what}": (Section(KERNELS, 0, n_bytes, payload), n_bytes, wanted)
        for what, n_bytes, payload, wanted in (
            ("in place", 36, kernels_of(), CHECK_SUM),
            ("in pairs", 72, kernels_of(PAIR), CHECK_SUM),
            ("of two outputs", 72, kernels_of(TWO, stream=TWICE), CHECK_SUM),
            ("under masks", 72, kernels_of(TWO, masks=(0, 5), order=1), CHECK_SUM),
            ("without a header", 36, bytes(17), CUT_OFF),
            ("without digits", 36, kernels_of()[:20], PANELS),
            ("without masks", 36, kernels_of(masks=(), copies=1, stream=b""), CUT_OFF),
            ("negated", 36, kernels_of(turned=b"\1"), CHECK_SUM),
            ("negated without bits", 36, kernels_of(turns=(1, 0), stream=b""), CUT_OFF),
            ("negated twice", 36, kernels_of(turned=b"\1", turns=(2, 0)), PANELS),
            ("with something", 36, kernels_of(turns=(0, 1)), PANELS),
            ("negated that are not there", 36, kernels_of(turned=b"\2"), PANELS),
            ("of no outputs", 36, kernels_of(out=0), PANELS),
            ("of no inputs", 36, kernels_of(inputs=0), PANELS),
            ("without copies", 36, kernels_of(masks=()), PANELS),
            ("without groups", 36, kernels_of(group_out=0), PANELS),
            ("in groups that overlap", 36, kernels_of(group_capacity=0), PANELS),
            ("in half a group", 72, kernels_of(TWO, group_out=3, stream=TWICE), PANELS),
            ("of another element", 36, kernels_of(element=3), PANELS),
            ("in another order", 36, kernels_of(order=1), PANELS),
            ("of too many outputs", 36, kernels_of(out=2, stream=TWICE), PANELS),
            ("of too many inputs", 36, kernels_of(inputs=33), PANELS),
            ("in too few bytes", 35, kernels_of(), PANELS),
            ("of eight taps", 36, kernels_of(taps=((8, 32),)), PANELS),
            ("of ten taps", 40, kernels_of(taps=((10, 32),)), PANELS),
            ("in a digit of 1", 36, kernels_of(outputs=((1, 288),)), PANELS),
            ("in a digit of 0", 36, kernels_of(outputs=((0, 288),)), PANELS),
            ("in steps of 0", 36, kernels_of(outputs=((2, 0),)), PANELS),
            ("that overlap", 36, kernels_of(taps=((9, 31),)), PANELS),
            ("twice in a place", 72, kernels_of(outputs=((2, 32),)), PANELS),
            ("far away", 36, kernels_of(taps=((9, 2**32 - 1),)), PANELS),
            ("in very many places", 36, kernels_of(outputs=((65535, 2**31), (65535, 2**32 - 1))), PANELS),
            ("in seven digits", 36, kernels_of(outputs=((2, 1 << 20),) * 7), PANELS),
            ("in bytes between bytes", 36, kernels_of(element=BYTES, channels=((4, 4),)), PANELS),
            ("of odd copies", 36, kernels_of(masks=(0, 1)), PANELS),
            ("under a wide mask", 72, kernels_of(TWO, masks=(0, 512)), PANELS),
            ("under a first mask", 36, kernels_of(masks=(1,)), PANELS),
            ("of 8 bits", 36, kernels_of(stream=huffman.encode(np.zeros(1, np.uint16), 8)), STREAM),
            ("of two for one", 36, kernels_of(stream=TWICE), STREAM),
            ("in pairs of signs", 72, kernels_of(PAIR, element=SIGNS), PANELS),
            ("in pairs of five", 360, kernels_of(PAIR, half=5), PANELS),
            ("in pairs without words", 72, kernels_of(PAIR, channels=((2, 1), (2, 32))), PANELS),
            ("in pairs of nothing", 72, kernels_of(PAIR, channels=()), PANELS),
            ("in half a pair", 36, kernels_of(half=1), PANELS),
            ("in pairs between words", 73, kernels_of(PAIR), PANELS),
            ("in pairs of shifted words", 76, kernels_of(PAIR, taps=((9, 65),)), PANELS),
        )
    },
    **{
        f"joined {what}": (Section(JOINED, 0, n_bytes, payload), n_bytes, wanted)
        for what, n_bytes, payload, wanted in (
            ("well", 3, pairs_of(4, 1), CHECK_SUM),
            ("well in two bytes", 6, pairs_of(8, 2), CHECK_SUM),
            ("without a header", 3, b"\4\1\0\0", CUT_OFF),
            ("without gaps", 3, pairs_of(4, 1, first=2**32 - 1), CUT_OFF),
            ("with gaps cut off", 3, pairs_of(4, 1, first=13), CUT_OFF),
            ("into nothing", 3, pairs_of(4, 0), ENTRIES),
            ("into three bytes", 9, pairs_of(4, 3), ENTRIES),
            ("too wide", 3, pairs_of(7, 1), ENTRIES),
            ("with no bits", 3, pairs_of(0, 1), ENTRIES),
            ("with nine bits", 3, pairs_of(9, 2), ENTRIES),
            ("with wide gaps", 3, pairs_of(1, 1), ENTRIES),
            ("to fewer bytes", 2, pairs_of(4, 1), ENTRIES),
            ("to more bytes", 4, pairs_of(4, 1), ENTRIES),
            ("with too few codes", 3, pairs_of(4, 1, codes=(1, 0)), ENTRIES),
        )
    },
    **{
        f"sorted {what}": (Section(SORTED, 0, n_bytes, payload), n_bytes, wanted)
        for what, n_bytes, payload, wanted in (
            ("well", 26, columns_of(), CHECK_SUM),
            ("without a header", 26, bytes(19), CUT_OFF),
            ("without gaps", 26, columns_of(first=2**32 - 1), CUT_OFF),
            ("into one byte", 26, columns_of(element=1), ENTRIES),
            ("with something", 26, columns_of(zero=1), ENTRIES),
            ("to fewer bytes", 25, columns_of(), ENTRIES),
            ("to more bytes", 27, columns_of(), ENTRIES),
            ("into its own ends", 25, columns_of(columns_at=19), ENTRIES),
            ("with too many rows", 26, columns_of(rows=3), ENTRIES),
            ("with very many rows", 26, columns_of(rows=2**32 - 1, codes=65535), ENTRIES),
            ("with too many columns", 26, columns_of(features=65537), ENTRIES),
            ("with too few columns", 26, columns_of(features=2), ENTRIES),
            ("without columns", 26, columns_of(features=0), ENTRIES),
            ("with a code too many", 26, columns_of(codes=1), ENTRIES),
            ("with too few gaps", 26, columns_of(gaps=(1, 0)), ENTRIES),
            ("with a skip at the end", 26, columns_of(gaps=(1, 0, 255)), ENTRIES),
            ("with a gap too many", 26, columns_of(gaps=(1, 0, 1, 0)), ENTRIES),
            ("far away", 26, columns_of(gaps=(1, 255, 0, 1)), ENTRIES),
        )
    },
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_refused(decode: Decode, kind: str) -> None:
    """With the status that says why; Python refuses the same. The check sum is wrong in all."""
    section, n_bytes, wanted = HOSTILE[kind]
    data = bytearray(container.write([section], bytes(n_bytes)))
    data[12] ^= 1
    assert decode([(bytes(data), n_bytes)]) == [(wanted, b"")]
    with pytest.raises(ValueError, match="check sum" if wanted == CHECK_SUM else "not a"):
        container.read(bytes(data), n_bytes)


def test_sections_that_overlap(decode: Decode) -> None:
    sections = [Section(RAW, 0, 2, b"ab"), Section(RAW, 1, 2, b"bc")]
    assert decode([(container.write(sections, b"abc"), 3)]) == [(SECTIONS, b"")]
    whole, _ = one_section(Section(RAW, 0, 2, b"ab"), b"ab")
    for at, wanted in (
        (0, NO_BLOB),
        (3, NO_BLOB),
        (4, CUT_OFF),
        (18, SECTIONS),
        (21, SECTIONS),
        (22, SECTIONS),
    ):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        assert decode([(bytes(damaged), 2)]) == [(wanted, b"")]
    for count in (0, 2):
        assert decode([(whole[:16] + struct.pack("<H", count) + whole[18:], 2)]) == [(CUT_OFF, b"")]


def repaired(data: bytes, n_bytes: int) -> tuple[bytes, bytes | None]:
    """With the right check sum, where Python's reader gets as far; and what it reads."""
    try:
        memory = container.decode_sections(data, n_bytes)
    except ValueError:
        return data, None
    return data[:12] + struct.pack("<I", zlib.crc32(memory)) + data[16:], memory


def fuzz(decode: Decode, n: int, seed: int) -> int:
    """Damaged blobs, each read by both; returns how many of them were read."""
    rng, (whole, memory) = np.random.default_rng(seed), blob()
    blobs, wanted = [], []
    for _ in range(n):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[at] = rng.choice([rng.integers(256), damaged[at] ^ 1 << rng.integers(8), 0, 255])
        data, read = repaired(bytes(damaged), len(memory))
        blobs.append((data, len(memory)))
        wanted.append(read)
    for (status, found), read in zip(decode(blobs), wanted, strict=True):
        assert (status == OK) == (read is not None) and found == (read or b"")
    return sum(read is not None for read in wanted)


def test_random_damage(decode: Decode) -> None:
    """No byte makes the decoder touch what is not its own; it reads what Python reads, and the same bytes."""
    assert fuzz(decode, 1500, seed=5) > 50


@pytest.mark.slow
def test_much_random_damage(decode: Decode) -> None:
    assert fuzz(decode, 100_000, seed=6) > 5000


def test_noise_behind_a_good_start(decode: Decode) -> None:
    """Lengths and codes at random; what Python reads is read."""
    rng = np.random.default_rng(8)
    blobs = []
    for _ in range(1000):
        lengths = rng.choice([1, 2, 2, 3, 3, 3, 0, 15], 4)
        bits = int(rng.integers(0, 60))
        payload = coded(lengths.tolist(), 12, bits, rng.bytes(-(-bits // 8)))
        blobs.append(repaired(container.write([Section(SYMBOLS, 0, 12, payload)], bytes(12)), 12))
    answers = decode([(data, 12) for data, _ in blobs])
    assert answers == [(status, read or b"") for (status, _), (_, read) in zip(answers, blobs, strict=True)]
    assert all(
        (status == OK) == (read is not None) for (status, _), (_, read) in zip(answers, blobs, strict=True)
    )
