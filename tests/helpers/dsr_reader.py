"""A reader of DDEX DSR flat files of the Royalty Reporting Profile, written from the standard and not from the writer.

Delimiters and escapes after Part 1; order and cardinality of records after DDEX's own schema of the profile
(RoyaltyReportingProfile.xsd); numbers of cells and which of them are mandatory after Part 8.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal

CELLS = {"HEAD": 16, "SY07.01": 21, "AS02.03": 24, "SU03.02": 11, "LI01.03": 13, "FOOT": 6}
MANDATORY = {
    "HEAD": (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15),
    "SY07.01": (2, 7, 8, 10, 12, 17, 18),
    "AS02.03": (2, 3, 4, 6, 10, 11),
    "SU03.02": (2, 3, 5, 6, 7),
    "LI01.03": (2, 3, 4, 7, 9, 10),
    "FOOT": (2, 3, 4, 5, 6),
}
FORMS = {
    ("HEAD", 2): r"dsrf/[\d.]+/[\d.]+/[\d.]+",
    ("HEAD", 3): r"RoyaltyReportingProfile",
    ("HEAD", 4): r"1\.1",
    ("HEAD", 6): r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    ("HEAD", 9): r"\d{4}-\d\d-\d\d",
    ("HEAD", 10): r"\d{4}-\d\d-\d\d",
    ("HEAD", 11): r"PADPIDA[a-zA-Z0-9]+",
    ("HEAD", 14): r"PADPIDA[a-zA-Z0-9]+",
    ("SY07.01", 7): r"[A-Z]{2}",
    ("SY07.01", 12): r"[A-Z]{3}",
    ("AS02.03", 5): r"([A-Z]{2}[A-Z0-9]{3}\d{7})?",
    ("AS02.03", 10): r"PT(\d+H)?(\d+M)?\d+(\.\d+)?S",
    ("AS02.03", 11): r"SoundRecording",
    ("AS02.03", 12): r"(T\d{10})?",
    ("SU03.02", 11): r"true|false",
}
DECIMALS = {"SY07.01": (10, 13, 16, 17, 18), "SU03.02": (6, 7), "LI01.03": (7, 9, 10, 11), "FOOT": (2, 3, 4, 5, 6)}


@dataclass
class Use:
    """An SU record and the LI records behind it."""

    cells: list[list[str]]
    parts: list[list[list[str]]] = field(default_factory=list)


@dataclass
class Block:
    resource: list[list[str]]
    uses: list[Use] = field(default_factory=list)


@dataclass
class Report:
    head: list[list[str]]
    summaries: dict[str, list[list[str]]]
    blocks: list[Block]
    foot: list[list[str]]


def read_cells(line: str) -> list[list[str]]:
    """Each cell as its values."""
    cells, values, text, at = [], [], "", 0
    while at < len(line):
        rest = line[at:]
        if rest.startswith("\\\\\\"):
            text, at = text + "\\", at + 3
        elif rest.startswith("\\\\|"):
            text, at = text + "|", at + 3
        elif rest.startswith("\\\t"):
            text, at = text + "\t", at + 2
        elif rest[0] == "\\":
            raise ValueError(f"a backslash that escapes nothing: {rest[:10]!r}")
        elif rest[0] in "\t|":
            values.append(text)
            text, at = "", at + 1
            if rest[0] == "\t":
                cells.append(values)
                values = []
        else:
            text, at = text + rest[0], at + 1
    return [*cells, [*values, text]]


def read_report(data: bytes) -> Report:
    """Raises `AssertionError` for a file that breaks a rule of the standard."""
    text = data.decode("utf-8")
    assert text.endswith("\n") and "\r" not in text
    records = [read_cells(line) for line in text[:-1].split("\n")]
    for cells in records:
        check_record(cells)
    kinds = [cells[0][0] for cells in records]
    shape = " ".join(kinds)
    assert re.fullmatch(r"HEAD( SY07\.01)+( AS02\.03( SU03\.02( LI01\.03)+)+)* FOOT", shape), shape
    report = Report(records[0], {cells[1][0]: cells for cells in records if cells[0][0] == "SY07.01"}, [], records[-1])
    assert len(report.summaries) == kinds.count("SY07.01")
    for cells in records[1:-1]:
        if cells[0][0] == "AS02.03":
            report.blocks.append(Block(cells))
        elif cells[0][0] == "SU03.02":
            report.blocks[-1].uses.append(Use(cells))
        elif cells[0][0] == "LI01.03":
            report.blocks[-1].uses[-1].parts.append(cells)
    check_report(report, len(records))
    return report


def check_record(cells: list[list[str]]) -> None:
    kind = cells[0][0]
    assert len(cells) == CELLS[kind], (kind, len(cells))
    for number in MANDATORY[kind]:
        assert cells[number - 1][0], (kind, number)
    for (of, number), form in FORMS.items():
        assert of != kind or re.fullmatch(form, "|".join(cells[number - 1])), (kind, number, cells[number - 1])
    for number in DECIMALS.get(kind, ()):
        assert re.fullmatch(r"(\d+(\.\d+)?)?", cells[number - 1][0]), (kind, number, cells[number - 1])


def check_report(report: Report, lines: int) -> None:
    """Counts, references and sums."""
    counts = [int(cells[0]) for cells in report.foot[1:]]
    assert counts == [lines, lines, len(report.summaries), len(report.blocks), len(report.blocks)]
    told: dict[str, Decimal] = {}
    transactions = set()
    for number, block in enumerate(report.blocks):
        names = {cells[1][0] for use in block.uses for cells in (use.cells, *use.parts)} | {block.resource[1][0]}
        assert len(names) == 1 and all(names != {other.resource[1][0]} for other in report.blocks[:number])
        for use in block.uses:
            assert use.cells[2][0] not in transactions and use.cells[4] == block.resource[3]
            transactions.add(use.cells[2][0])
            assert all(part[11] == use.cells[2] and part[2][0] in report.summaries for part in use.parts)
            assert sum(Decimal(part[9][0]) for part in use.parts) == Decimal(use.cells[6][0])
            for part in use.parts:
                assert report.summaries[part[2][0]][13] == part[3]
                told[part[2][0]] = told.get(part[2][0], Decimal(0)) + Decimal(part[9][0])
    assert told == {name: Decimal(cells[16][0]) for name, cells in report.summaries.items()}
