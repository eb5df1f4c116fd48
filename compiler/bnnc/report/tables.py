"""Tables on standard output."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 120
"""Columns where standard output is no terminal. Numbers and names that need more are not broken."""
WORDS_WIDTH = 80  # at least, in a pipe
Row = Sequence[object]
_FIGURE = re.compile(r"\d[\d.,]*( ?%)?")


def print_table(columns: Sequence[str], rows: Iterable[Row], title: str = "") -> None:
    """Numbers are aligned to the right, the rest to the left; cells are shown as they are, without markup.

    Floats have one decimal. Where that is too wide the last column, the wordy one, follows in a table of its
    own.
    """
    lines = [tuple(row) for row in rows]
    is_terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, highlight=False)
    whole = _table(columns, lines, title)
    if _width(console, whole) <= (console.width if is_terminal else PIPE_WIDTH):
        _print(console, whole)
        return
    words = [(line[0], line[-1]) for line in lines if line[-1] != ""]
    _print(console, _table(columns[:-1], [line[:-1] for line in lines], title, padding=0))
    longest = max((len(_cell(name)) for name, _ in words), default=0)
    _print(console, _table((columns[0], columns[-1]), words, "", padding=0), longest + WORDS_WIDTH)


def _width(console: Console, table: Table) -> int:
    """Without a limit."""
    return console.measure(table, options=console.options.update(max_width=sys.maxsize)).maximum


def _print(console: Console, table: Table, limit: int = sys.maxsize) -> None:
    """In a pipe as wide as it is, or as `limit` and PIPE_WIDTH allow, and without spaces at the ends."""
    if sys.stdout.isatty():
        console.print(table)
        return
    console.width = min(_width(console, table), max(PIPE_WIDTH, limit))
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _table(columns: Sequence[str], lines: Sequence[Row], title: str, padding: int = 1) -> Table:
    """Where it is too wide the names in front, the words at the end and the heads of numbers are broken."""
    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left")
    table.padding = (0, padding)
    for index, column in enumerate(columns):
        numeric = any(
            isinstance(line[index], int | float) or _FIGURE.fullmatch(str(line[index])) for line in lines
        )
        inner = 0 < index < len(columns) - 1 and not numeric
        table.add_column(Text(column), justify="right" if numeric else "left", no_wrap=inner, overflow="fold")
    for line in lines:
        table.add_row(*(Text(_cell(cell)) for cell in line))
    return table


def _cell(value: object) -> str:
    """Text with control characters as escapes: a node's name may be anything."""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
