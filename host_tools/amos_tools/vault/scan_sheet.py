"""Writes what a scan found into a sheet for `amos vault import`. What stands there stays, to the byte: rows are added
behind it."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos_tools.vault.facts import REQUIRED_FIELDS
from amos_tools.vault.scan import Scanned
from amos_tools.vault.sidecar import Layout, read_layout, read_sheet

COLUMNS = ("file", *REQUIRED_FIELDS, "key", "tempo", "beats")


def unstated(files: Sequence[Path], sheet: Path) -> list[Path]:
    """The files that neither a row of the sheet nor a `name.json` beside speaks of. Raises `BadSidecar`."""
    rows = read_sheet(sheet) if sheet.exists() and sheet.read_bytes() else None
    silent = [path for path in files if not path.with_suffix(".json").exists()]
    return silent if rows is None else [path for path in silent if not rows.states(path)]


def add_rows(scanned: Sequence[Scanned], folder: Path, sheet: Path) -> None:
    """Add a row for each file, after a comment that says where each guess comes from and how sure it is.

    Title, role and music are guessed; who made it, who is paid and who consents is for people to say.
    """
    there = sheet.read_bytes() if sheet.exists() else b""
    layout = read_layout(sheet) if there else Layout(COLUMNS, ",")
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=layout.separator, lineterminator="\n")
    quoting = csv.writer(text, delimiter=layout.separator, lineterminator="\n", quoting=csv.QUOTE_ALL)
    if not there:
        writer.writerow(COLUMNS)
    elif not there.endswith(b"\n"):
        text.write("\n")
    for file in scanned:
        name = file.path.relative_to(folder).as_posix()
        cells = {"file": name, "title": _title(file.path)}
        cells |= {field: file.text(field) for field in ("key", "tempo", "beats", "role")}
        text.write(f"# {explained(file)}\n")
        row = [cells.get(column, "") for column in layout.columns]
        # Bare, a name that begins with # would be a comment.
        (quoting if row[0].lstrip().startswith("#") else writer).writerow(row)
    write_whole(sheet, there + text.getvalue().encode())


def explained(file: Scanned) -> str:
    """One line of what was found and how sure it is."""
    said = [
        f"{field} {guess.text} from {guess.source} ({guess.confidence:.2f})" for field, guess in file.guesses.items()
    ]
    return ", ".join([*said, f"{file.seconds:.2f} s", f"{file.loudness_mlufs / 1000:.1f} LUFS measured"])


def _title(path: Path) -> str:
    return " ".join(path.stem.replace("_", " ").split())
