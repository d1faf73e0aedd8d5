"""Reads the CSV reports as their readers are told to (REPORTS.md)."""

import csv
import io
from collections.abc import Sequence


def plain(cell: str) -> str:
    """The text of a cell."""
    return cell.removeprefix("'")


def pieces(text: str) -> list[str]:
    """The texts of a list in a cell."""
    found, escaped = [""], False
    for letter in text:
        if escaped or letter not in "\\|":
            found[-1] += letter
            escaped = False
        elif letter == "|":
            found.append("")
        else:
            escaped = True
    return found


def table_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def rows_of(data: bytes, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows by column; the header must be these columns."""
    header, *rows = table_of(data)
    assert tuple(header) == tuple(columns)
    return [dict(zip(columns, map(plain, row), strict=True)) for row in rows]
