"""Tables for people, of any width: words wrap, and what has a digit is never cut or split."""

import os
import shutil
import sys

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

WORD_CELLS_MAX = 24
"""A longer word than that may be split, so that one long name does not take the table's form."""
_BORDER_CELLS = 3
"""What stands between two columns: a blank, the line, a blank."""


def print_table(table: Table) -> None:
    """Print it in the width there is: as a table, or else each row as lines of its own. A pipe has all the width."""
    natural = sum(_natural(column) + _BORDER_CELLS for column in table.columns) + 1
    width = _width_of_output() or max(natural, _cells(table.title))
    least = sum(_least(column) + _BORDER_CELLS for column in table.columns) + 1
    console = Console(width=width, highlight=False)
    if least > width:
        _print_rows(console, table)
        return
    for column in table.columns:
        column.min_width, column.overflow = min(_least(column), width), "fold"
        column.no_wrap = _has_digits(column)
    console.print(table)


def _width_of_output() -> int | None:
    if "COLUMNS" in os.environ or sys.stdout.isatty():
        return max(20, shutil.get_terminal_size().columns)
    return None


def _texts(column: Column) -> list[str]:
    shown = [column.header, *column.cells, column.footer]
    return [Text.from_markup(cell).plain if isinstance(cell, str) else str(cell) for cell in shown]


def _has_digits(column: Column) -> bool:
    return any(letter.isdigit() for text in _texts(column)[1:] for letter in text)


def _natural(column: Column) -> int:
    return max(map(_cells, _texts(column)))


def _least(column: Column) -> int:
    if _has_digits(column):
        return _natural(column)
    return min(WORD_CELLS_MAX, max((_cells(word) for text in _texts(column) for word in text.split()), default=1))


def _cells(text: object) -> int:
    return Text(str(text or "")).cell_len


def _print_rows(console: Console, table: Table) -> None:
    """`header  value` line by line, a blank line between rows. A value that is too long continues below itself."""
    if table.title:
        console.print(table.title, soft_wrap=True)
    columns = [_texts(column) for column in table.columns]
    names = max(_cells(texts[0]) for texts in columns)
    rows = list(zip(*(texts[1:] for texts in columns), strict=True))
    if not table.show_footer:
        rows.pop()
    for row in rows:
        lines = [
            f"{texts[0]:<{names}}  {cell}".rstrip() for texts, cell in zip(columns, row, strict=True) if cell.strip()
        ]
        console.print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)
        if row is not rows[-1]:
            console.print()
