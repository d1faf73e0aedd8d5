"""Tables as CSV (RFC 4180, UTF-8, CRLF) whose cells no spreadsheet takes for a formula.

A cell that begins with what spreadsheets act on gets an apostrophe before it, and so does one that begins with an
apostrophe: a reader takes one leading apostrophe away and has the text again.
"""

import csv
import io
from collections.abc import Iterable, Sequence

_ACTED_ON = tuple("=+-@\t\r\n＝＋－＠'")
"""What begins a formula or a command in some spreadsheet, full-width signs too, and the sign that undoes it."""


def safe(text: str) -> str:
    """The text as a cell."""
    return f"'{text}" if text.startswith(_ACTED_ON) else text


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The table with its header; the same rows give the same bytes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([safe(cell) for cell in row])
    return text.getvalue().encode()
