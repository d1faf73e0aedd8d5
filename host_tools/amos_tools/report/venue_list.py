"""The operator's list of venues: a CSV with the columns site, name, region, territory."""

import csv
import io
import re
from pathlib import Path

from amos_cli.names import hint, nfc
from amos_cli.text import TextFault, decode_text
from amos_ledger.settlement.venues import Venue
from amos_tools.report.errors import BadVenueList
from amos_tools.verify.errors import Unreadable
from amos_tools.verify.published import read_file

COLUMNS = ("site", "name", "region", "territory")
BYTES_MAX = 16 * 1024 * 1024
"""Some 300,000 venues."""

_TERRITORY = re.compile(r"[A-Z]{2}")


def read_venues(path: Path) -> dict[str, Venue]:
    """What is stated, by site. Columns but `site` may be absent, cells empty. Raises `BadVenueList`."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    found: dict[str, Venue] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                _take(found, f"{path}: line {reader.line_num}", header, cells)
    except csv.Error as error:
        raise BadVenueList(f"{path}: line {reader.line_num}: expected comma-separated values, found {error}") from None
    return found


def _take(found: dict[str, Venue], place: str, header: list[str], cells: list[str]) -> None:
    if len(cells) != len(header):
        raise BadVenueList(f"{place}: expected {len(header)} cells, found {len(cells)}")
    row = {name: nfc(cell.strip()) for name, cell in zip(header, cells, strict=True)}
    site, territory = row["site"], row.get("territory", "")
    if not site or site in found:
        raise BadVenueList(f"{place}: expected a site that comes once, found {site!r}")
    if not all(text.isprintable() for text in row.values()):
        raise BadVenueList(f"{place}: expected printable text")
    check_territory(f"{place}: territory", territory)
    found[site] = Venue(row.get("name", ""), row.get("region", ""), territory)


def check_territory(label: str, text: str) -> None:
    """Two capital letters (ISO 3166-1), or nothing. Raises `BadVenueList`."""
    if text and not _TERRITORY.fullmatch(text):
        raise BadVenueList(f"{label}: expected two capital letters such as DE, or nothing, found {text[:20]!r}")


def _check_header(path: Path, header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS or header.count(name) > 1:
            known = ", ".join(COLUMNS) + hint(name, COLUMNS)
            raise BadVenueList(f"{path}: header: expected the columns {known}, each once, found {name!r}")
    if "site" not in header:
        raise BadVenueList(f"{path}: header: expected the column site, found {', '.join(header) or 'nothing'}")


def _text(path: Path) -> str:
    try:
        return decode_text(read_file(path, BYTES_MAX))
    except Unreadable as error:
        raise BadVenueList(str(error)) from None
    except TextFault as error:
        raise BadVenueList(f"{path}: expected UTF-8, found {error}") from None
