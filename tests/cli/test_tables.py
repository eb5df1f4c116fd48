"""Tables on terminals of several widths, and in a pipe."""

from __future__ import annotations

import io
import re
import sys

import pytest

from bnnc.report.tables import print_table

COLUMNS = ("name", "op", "bits", "MACs", "weight bytes", "lowered")
WORDS = "xnor and popcount, 2 words of 32 channels a tap, padded with 0"
ROWS = [
    ("conv1", "packed_max_pool2d", "1 x 1 > 32", 3_612_672, 2304, WORDS),
    ("total", "", "", 3_612_672, 2304, ""),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(
    monkeypatch: pytest.MonkeyPatch, out: io.StringIO, width: int, rows: list[tuple[object, ...]]
) -> str:
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(COLUMNS, rows, "tiny")
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def test_a_wide_terminal_has_one_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, Terminal(), 160, ROWS).splitlines()
    [line] = [line for line in lines if "conv1" in line]
    assert "3,612,672" in line and WORDS in line


def test_a_narrow_terminal_has_the_last_column_below(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, Terminal(), 80, ROWS).splitlines()
    numbers, words = (line for line in lines if "conv1" in line)
    assert numbers.split() == ["conv1", "packed_max_pool2d", "1", "x", "1", ">", "32", "3,612,672", "2,304"]
    assert words.split(maxsplit=1)[1].strip() == WORDS
    assert max(map(len, lines)) <= 80 and sum("total" in line for line in lines) == 1


def test_long_names_are_broken_but_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "/features/features.0/conv/Conv_with_a_name_of_many_letters"
    rows = [(name, *row[1:]) for row in ROWS]
    lines = shown(monkeypatch, Terminal(), 80, rows).splitlines()
    pieces = "".join(line[1:].split(" ")[0] for line in lines)
    assert name in pieces and max(map(len, lines)) <= 80
    assert any("packed_max_pool2d" in line and "3,612,672" in line for line in lines)


def test_nothing_is_broken_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too wide for a reader has its words below; a line is a row all the same."""
    short = [(*row[:-1], "popcount") for row in ROWS]
    lines = shown(monkeypatch, io.StringIO(), 40, short).splitlines()
    assert any("conv1" in line and "3,612,672" in line and "popcount" in line for line in lines)
    rows = [("/features/features.0/conv/Conv_with_a_name_of_many_letters" * 2, *row[1:]) for row in ROWS]
    lines = shown(monkeypatch, io.StringIO(), 40, rows).splitlines()
    assert any(rows[0][0] in line and "3,612,672" in line for line in lines)
    assert any(rows[0][0] in line and WORDS in line for line in lines)


def test_long_words_are_wrapped_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(*row[:-1], f"{WORDS}; {WORDS}; {WORDS}") for row in ROWS]
    lines = shown(monkeypatch, io.StringIO(), 40, rows).splitlines()
    assert max(map(len, lines)) <= 120 and sum("popcount" in line for line in lines) > len(rows)


def test_halves_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, io.StringIO(), 40, [(*ROWS[0][:4], 0.5, ""), (*ROWS[1][:4], 1115.0, "")])
    pairs = [line.rstrip() for line in lines.splitlines() if "3,612,672" in line]
    assert pairs[0].endswith("     0.5") and pairs[1].endswith(" 1,115.0")


def test_a_pipe_has_lines_that_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, io.StringIO(), 40, ROWS).splitlines()
    assert max(map(len, lines)) <= 120 and not any(line.endswith(" ") for line in lines)
