"""Tables on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 240  # columns where standard output is no terminal: nothing is cut off
Row = Sequence[object]


def print_table(columns: Sequence[str], rows: Iterable[Row], title: str = "") -> None:
    """Numbers are aligned to the right, the rest to the left; cells are shown as they are, without markup.

    On a terminal that is too narrow the last column, the wordy one, follows in a table of its own.
    """
    lines = [tuple(row) for row in rows]
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(file=sys.stdout, width=width, highlight=False)
    whole = _table(columns, lines, title)
    if _fits(console, whole):
        console.print(whole)
        return
    console.print(_table(columns[:-1], [line[:-1] for line in lines], title, padding=0))
    words = [(line[0], line[-1]) for line in lines if line[-1] != ""]
    console.print(_table((columns[0], columns[-1]), words, "", padding=0))


def _fits(console: Console, table: Table) -> bool:
    unlimited = console.options.update(max_width=sys.maxsize)
    return console.measure(table, options=unlimited).maximum <= console.width


def _table(columns: Sequence[str], lines: Sequence[Row], title: str, padding: int = 1) -> Table:
    """Where it is too wide the names in front, the words at the end and the heads of numbers are broken."""
    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left")
    table.padding = (0, padding)
    for index, column in enumerate(columns):
        numeric = any(isinstance(line[index], int) for line in lines)
        inner = 0 < index < len(columns) - 1 and not numeric
        table.add_column(Text(column), justify="right" if numeric else "left", no_wrap=inner, overflow="fold")
    for line in lines:
        table.add_row(*(Text(_cell(cell)) for cell in line))
    return table


def _cell(value: object) -> str:
    """Text with control characters as escapes: a node's name may be anything."""
    if isinstance(value, int):
        return f"{value:,}"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
