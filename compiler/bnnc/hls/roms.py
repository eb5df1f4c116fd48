"""Constants of a layer as C++: arrays, one per processing element, and the function that reads them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array

WIDTH = 110


@dataclass(frozen=True)
class Rom:
    """C++ text: arrays at file scope, which have `names`, and a static member function."""

    arrays: str
    function: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reader:
    """The function of a ROM: `returns name(parameters)` answers entry `index` of array number `case`."""

    returns: str
    name: str
    parameters: tuple[str, ...]
    case: str
    index: str


def rom(owner: str, reader: Reader, rows: Sequence[Array], hexadecimal: bool = False) -> Rom:
    """One row of entries a case: each an array, or no array where plain constants do."""
    numbers = [[_number(v, hexadecimal) for v in row.tolist()] for row in rows]
    if len(distinct := {number for row in numbers for number in row}) == 1:
        return Rom("", reader_function(reader, [f"return {distinct.pop()};"]))
    if all(len(row) == 1 for row in numbers):
        return Rom("", reader_function(reader, switch(reader.case, [row[0] for row in numbers])))
    c_type = _c_type(np.concatenate(rows))
    names = [f"{owner}_{reader.name}_{case}" for case in range(len(rows))]
    arrays = [_array(name, c_type, row) for name, row in zip(names, numbers, strict=True)]
    answers = [f"{name}[{reader.index}]" for name in names]
    return Rom("".join(arrays), reader_function(reader, switch(reader.case, answers)), tuple(names))


def switch(case: str, answers: list[str]) -> list[str]:
    """C++ lines that return answer number `case`."""
    if len(answers) == 1:
        return [f"return {answers[0]};"]
    lines = [f"switch ({case}) {{"]
    for number, answer in enumerate(answers[:-1]):
        lines += [f"case {number}:", f"    return {answer};"]
    return [*lines, "default:", f"    return {answers[-1]};", "}"]


def reader_function(reader: Reader, body: list[str]) -> str:
    """C++: the static member with this body; parameters that it does not use have no name."""
    used = set(re.findall(r"\w+", " ".join(body)))
    parameters = ", ".join(f"int {name}" if name in used else "int" for name in reader.parameters)
    head = [f"static {reader.returns} {reader.name}({parameters}) {{", "    BNNC_INLINE"]
    return "\n".join([*head, *(f"    {line}" for line in body), "}"])


def array_text(name: str, values: Array, width: int = 1) -> str:
    """An array of words in hexadecimal, in the narrowest type of C that has `width` bits."""
    widest = max(int(values.max()), 2**width - 1)
    c_type = _c_type(np.array([0, widest], np.uint64))
    return _array(name, c_type, [_number(v, True) for v in values.tolist()])


def _array(name: str, c_type: str, numbers: list[str]) -> str:
    text = textwrap.indent(textwrap.fill(", ".join(numbers), WIDTH - 4), "    ")
    return f"static const {c_type} {name}[{len(numbers)}] = {{\n{text}}};\n"


def _c_type(values: Array) -> str:
    lo, hi = int(values.min()), int(values.max())
    sign = "" if lo < 0 else "u"
    for bits in (8, 16, 32, 64):
        info = np.iinfo(f"{sign}int{bits}")
        if info.min <= lo and hi <= info.max:
            return f"{sign}int{bits}_t"
    raise AssertionError(f"{lo}..{hi} fits into no integer of C")


def _number(value: int, hexadecimal: bool) -> str:
    text = hex(value) if hexadecimal else str(value)
    return f"{text}ull" if value >= 2**31 else text
