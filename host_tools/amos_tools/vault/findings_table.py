"""Refusals and findings of an import, as a table."""

from collections import Counter
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
    names = Counter(Path(file).name for file in {row.file for row in rows if row.file})
    for row in rows:
        file = _short(Path(row.file), names) if row.file else ""
        table.add_row(*(escape(printable(text)) for text in (file, row.name, row.field, row.expected, row.found)))
    return table


def _short(file: Path, names: Counter[str]) -> str:
    """Its name, after its folder's where another file has the same."""
    return file.name if names[file.name] == 1 else "/".join(file.parts[-2:])
