"""Refusals and findings of an import, as a table."""

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from amos.protocol.printable_host import printable
from amos_tools.vault.errors import VaultError
from amos_tools.vault.findings import Finding


def findings_table(rows: Sequence[VaultError | Finding], title: str) -> Table:
    """A row for each."""
    table = Table("file", "name", "field", "expected", "found", title=title)
    for row in rows:
        file = Path(row.file).name if row.file else ""
        table.add_row(*(escape(printable(text)) for text in (file, row.name, row.field, row.expected, row.found)))
    return table
