"""Reads what people state about stems: `name.json` beside `name.wav`, or one CSV for many files."""

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from amos_cli.names import hint, nfc, same_name
from amos_cli.text import TextFault, decode_text
from amos_tools.vault import errors
from amos_tools.vault.facts import FIELDS, REQUIRED_FIELDS, StatedFacts, check_tag_name, field_named, parse_facts
from amos_tools.vault.limits import CSV_BYTES_MAX, SIDECAR_BYTES_MAX


def read_sidecar(audio: Path) -> StatedFacts:
    """The facts in the JSON file beside `audio`: one object with the CSV's columns (`splits` and `composers` may be
    objects)."""
    sidecar = _beside(audio)
    if sidecar is None:
        sidecar = audio.with_suffix(".json")
        raise errors.MissingFacts(audio, "sidecar", f"{sidecar.name} beside it, or a CSV row", "neither")
    text = _read_text(sidecar, SIDECAR_BYTES_MAX)
    try:
        stated = json.loads(text, object_pairs_hook=_Pairs, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise errors.BadSidecar(sidecar, "sidecar", "JSON", str(error)) from None
    if not isinstance(stated, _Pairs):
        raise errors.BadSidecar(sidecar, "sidecar", "a JSON object", type(stated).__name__)
    fields: dict[str, str] = {}
    for heading, value in stated:
        name = field_named(heading)
        if name in fields:
            raise errors.BadSidecar(sidecar, name, "each field once", "it twice")
        fields[name] = _field_text(sidecar, name, value)
    return parse_facts(str(audio), fields)


def _beside(audio: Path) -> Path | None:
    """The sidecar of `audio`; a file system may have composed the letters of one name and not of the other."""
    sidecar = audio.with_suffix(".json")
    if sidecar.is_file():
        return sidecar
    if audio.name.isascii() or not audio.parent.is_dir():
        return None
    return next((path for path in audio.parent.glob("*.json") if same_name(path.name, sidecar.name)), None)


class _Pairs(list[tuple[str, object]]):
    """A JSON object as its pairs, so that a payee named twice is seen; plain lists stay lists."""


def _field_text(sidecar: Path, name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, _Pairs) and name == "splits":
        return ";".join(f"{payee}={ppm}" for payee, ppm in value)
    if isinstance(value, _Pairs) and name == "composers" and all(isinstance(ipi, str | None) for _who, ipi in value):
        return ";".join(f"{who}={ipi}" if ipi else who for who, ipi in value)
    raise errors.BadSidecar(sidecar, name, "text, a number, yes or no", type(value).__name__)


class Sheet:
    """The rows of one CSV, found by file. A row that is wrong refuses its own file only."""

    def __init__(self, path: Path, rows: dict[str, dict[str, str] | errors.VaultError]) -> None:
        self.path = path
        self._rows = rows
        self._without_blanks = {name.strip(): name for name in reversed(rows)}
        self._used: set[str] = set()

    def states(self, audio: Path) -> bool:
        """Whether a row is about this file."""
        return self._name_of(audio) is not None

    def facts_for(self, audio: Path) -> StatedFacts:
        """The facts of the row about `audio`: that with most of its path, at least its bare name. Raises a
        `VaultError`."""
        name = self._name_of(audio)
        if name is None:
            close = hint(audio.name, self._rows)
            raise errors.MissingFacts(audio, "sidecar", f"a row in {self.path.name}{close}", "none")
        self._used.add(name)
        row = self._rows[name]
        if isinstance(row, errors.VaultError):
            raise row
        return parse_facts(str(audio), row)

    def unused(self, folders: Sequence[Path]) -> list[errors.VaultError]:
        """A refusal for each row whose file is nowhere; one that is there, and was not asked for, is no fault.

        `folders` are those that were searched.
        """
        home = Path(os.path.abspath(self.path.parent))
        bases = {home}
        for folder in (Path(os.path.abspath(folder)) for folder in folders):
            bases |= {base for base in (folder, *folder.parents) if base == folder or base.is_relative_to(home)}
        return [
            errors.MissingFile(name, "file", f"an audio file for this row of {self.path.name}", "none")
            for name in self._rows
            if name not in self._used and not any(os.path.isfile(base / name) for base in bases)
        ]

    def _name_of(self, audio: Path) -> str | None:
        parts = nfc(Path(os.path.abspath(audio)).as_posix()).split("/")
        for at in range(len(parts)):
            name = "/".join(parts[at:])
            if name in self._rows:
                return name
            if name in self._without_blanks:
                return self._without_blanks[name]
        return None


def read_sheet(path: Path) -> Sheet:
    """Read a CSV of `file`, the columns of `FIELDS`, and tags. Raises `BadSidecar` when the sheet itself is wrong."""
    lines = _filled_rows(path, _read_text(path, CSV_BYTES_MAX))
    first, names = lines[0] if lines else (1, [])
    header = [field_named(name.strip()) for name in names]
    _check_header(path, first, header)
    rows: dict[str, dict[str, str] | errors.VaultError] = {}
    for line, cells in lines[1:]:
        name, row = _row(path, line, header, cells)
        rows[name] = errors.DuplicateRow(name, "file", f"one row in {path.name}", "two") if name in rows else row
    return Sheet(path, rows)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a sheet is written."""

    columns: tuple[str, ...]
    separator: str


def read_layout(path: Path) -> Layout:
    """What it takes to add rows to a sheet. Raises `BadSidecar` for one that an import would refuse."""
    read_sheet(path)
    text = _read_text(path, CSV_BYTES_MAX)
    header = _filled_rows(path, text)[0][1]
    return Layout(tuple(field_named(name.strip()) for name in header), _separator(text))


class _Lines:
    """The lines of a CSV for its reader, with an empty one in place of each comment, so that numbers stay right."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.row_begins = True  # inside a quoted cell a line that begins with # is text

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        comment = self.row_begins and line.lstrip().startswith("#")
        self.row_begins = False
        return "\n" if comment else line


def _filled_rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Each row with anything in it, after the number of its last line. Raises `BadSidecar`."""
    lines = _Lines(text)
    separator = _separator(text)
    reader = csv.reader(lines, strict=True, delimiter=separator)
    rows = []
    try:
        while (cells := next(reader, None)) is not None:
            lines.row_begins = True
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        expected = f"values separated by {separator} in line {reader.line_num}"
        raise errors.BadSidecar(path, "csv", expected, str(error)) from None
    return rows


def _separator(text: str) -> str:
    """A semicolon where the header has more of them than commas: spreadsheets of many countries write those."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    header = next(lines, "")
    return ";" if header.count(";") > header.count(",") else ","


def _check_header(path: Path, line: int, header: Sequence[str]) -> None:
    for name in header:
        if name not in ("file", *FIELDS):
            check_tag_name(f"{path}: header in line {line}", name)
        if header.count(name) > 1:
            raise errors.BadSidecar(path, "header", "each column once", name)
    for name in ("file", *REQUIRED_FIELDS):
        if name not in header:
            raise errors.BadSidecar(path, "header", f"the column {name}", ", ".join(header) or "nothing")


def _row(
    path: Path, line: int, header: Sequence[str], cells: Sequence[str]
) -> tuple[str, dict[str, str] | errors.VaultError]:
    fields = dict(zip(header, cells, strict=False))
    name = nfc(PurePosixPath(fields.pop("file", "")).as_posix())
    if len(cells) != len(header):
        expected = f"{len(header)} cells in line {line} of {path.name}"
        return name, errors.BadSidecar(name, "row", expected, str(len(cells)))
    return name, fields


def _read_text(path: Path, bytes_max: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise errors.MissingFile(path, "sidecar", "a readable file", error.strerror or str(error)) from None
    if len(data) > bytes_max:
        raise errors.BadSidecar(path, "size", f"at most {bytes_max} bytes", "more")
    try:
        return decode_text(data)
    except TextFault as error:
        raise errors.BadSidecar(path, "encoding", "UTF-8", str(error)) from None
