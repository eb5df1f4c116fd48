"""Tables on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 240  # columns where standard output is no terminal: nothing is cut off


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Numbers are aligned to the right, the rest to the left; cells are shown as they are, without markup."""
    lines = [tuple(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left")
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int) for row in lines)
        table.add_column(Text(column), justify="right" if numeric else "left")
    for row in lines:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def _cell(value: object) -> str:
    """Text with control characters as escapes: a node's name may be anything."""
    if isinstance(value, int):
        return f"{value:,}"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
