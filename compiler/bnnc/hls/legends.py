"""Comments of the emitted C++ that say which entry of an array is which constant."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from bnnc.hls.cpp import amount
from bnnc.hls.model.memory import BEAT_BITS
from bnnc.hls.storage import Storage, bank_bits

if TYPE_CHECKING:
    from bnnc.hls.matrix import Matrix

MOVED_LEGEND = "// cuts: those of sums less a number of each output's own, which elements leave out.\n"


def matrix_legend(m: Matrix, pe: int, lanes: int, storage: Storage) -> str:
    """Of a matrix whose `pe` elements have words of `lanes` weights each."""
    outputs, inputs = m.shape
    words, bits = inputs // lanes, lanes * m.w.bits
    folds = -(-outputs // pe)
    codes = {"Bipolar": ", 1 for +1 and 0 for -1", "Signed": " in two's complement"}.get(m.w.kind, "")
    text = [
        f"weights: word {words} * fold + w of element pe: output {pe} * fold + pe, inputs {lanes} * w to"
        f" {lanes} * w + {lanes - 1}, {amount(m.w.bits, 'bit')} each{codes}, the first in the lowest bits",
        _inputs(m),
    ]
    if outputs % pe:
        text.append(f"elements without an output in the last fold repeat output {outputs - 1}")
    return comment("; ".join(text + banks_legend(folds * words, bits, storage)) + ".")


def _inputs(m: Matrix) -> str:
    width, channels = m.conv.kernel[1], m.shape[1] // (m.conv.kernel[0] * m.conv.kernel[1])
    group = f" of group output / {m.shape[0] // m.groups}" if m.groups > 1 else ""
    if m.conv.kernel == (1, 1):
        return f"input i is channel i{group}"
    place = f"at row i / {channels * width}, column i / {channels} % {width} of the kernel"
    return f"input i is channel i % {channels}{group} {place}"


def entries_legend(pe: int, code_bits: int, gap_bits: int, depth: int, storage: Storage) -> str:
    """Of the lists of a sparse layer, `depth` words each."""
    text = [
        f"weights: word n of element pe is entry n of its list: from the lowest bit on {code_bits} of the"
        f" code that weight() turns into a weight, {gap_bits} of the number of inputs left out in front of it"
        ", and 1 that is set in the last entry of an output",
        f"output {pe} * fold + lane is in the list of element place(lane, fold), fold after fold",
    ]
    return comment("; ".join(text + banks_legend(depth, code_bits + gap_bits + 1, storage)) + ".")


def banks_legend(depth: int, bits: int, storage: Storage) -> list[str]:
    """Where the words of elements, of `bits` bits, lie in banks that they share."""
    if storage is Storage.LUT:
        return []
    width = BEAT_BITS if storage is Storage.URAM else bank_bits(depth)
    return [f"element pe has bits {bits} * pe to {bits} * pe + {bits - 1} of {_side_by_side(width)}"]


def _side_by_side(width: int) -> str:
    return f"all banks side by side, {width} bits each, bank 0 lowest"


def cuts_legend(lanes: int, steps: int, depth: int, bits: int, is_banked: bool) -> str:
    """Of cuts that are compared at once, as numbers of `bits` bits for each of `depth` folds."""
    number = f"{steps} * lane + s"
    place = f"is entry fold of array {number}"
    if is_banked:
        first = f"{bits} * ({number})"
        place = f"has bits {first} to {first} + {bits - 1} of entry fold of {_side_by_side(bank_bits(depth))}"
    return comment(f"cuts: number s of channel {lanes} * fold + lane {place}.")


def stages_legend(lanes: int, stages: int, is_common: bool) -> str:
    """Of cuts that are searched for: for each number that the stages before may find."""
    channel, first = ("every channel", "0") if is_common else (f"channel {lanes} * fold + lane", "fold << s")
    return comment(
        f"cuts: stage s of {channel} has 1 << s, from entry {first} of array {stages} * lane + s on:"
        " number n is for those whose stages before reached n."
    )


def comment(text: str) -> str:
    """Lines of C++."""
    return textwrap.fill(text, 110, initial_indent="// ", subsequent_indent="// ") + "\n"
