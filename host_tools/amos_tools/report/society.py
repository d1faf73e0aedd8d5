"""Background-music report for societies: a line for each stem, venue and tier of a period, as CSV. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from amos.protocol.catalogue import Work
from amos.protocol.closing import COMMUNAL
from amos_cli.sheet import csv_bytes
from amos_tools.report.grouped import Group, groups_of
from amos_tools.report.sheet import listed, utc_text, yes_or_no
from amos_tools.report.terms import Terms
from amos_tools.report.usage import PeriodUsage

COLUMNS = (
    *("report_id", "line_id", "period", "territory", "licence", "venue", "tier", "category", "stem", "isrc", "iswc"),
    *("title", "artist", "composer", "ipi", "publisher", "label", "upc", "ms", "plays", "first_utc", "last_utc"),
    *("time_status", "rights_type", "share_ppm", "currency", "micro_amount", "royalty_bearing", "standing"),
    *("catalogue_serial", "opt_state", "evidence_root"),
)
"""REPORTS.md says what each means."""

REPORT_ID_DIGITS = 16
OPTED_IN, OPTED_OUT = "opted_in", "opted_out"


@dataclass(frozen=True)
class Report:
    """A table of lines, each of which begins with the report's id: a hash of all lines."""

    report_id: str
    lines: int
    data: bytes


def society_report(usage: PeriodUsage, terms: Terms) -> Report:
    """The report's file."""
    groups = groups_of(usage, terms)
    return report_of(usage, terms, COLUMNS, len(groups), lambda: (_row(usage, terms, group) for group in groups))


def report_of(
    usage: PeriodUsage, terms: Terms, columns: Sequence[str], lines: int, rows: Callable[[], Iterable[list[str]]]
) -> Report:
    """The same for the same lines, which lack the id. `rows` makes them, and is asked twice: texts of a large report
    are never all there. One without lines is told from others by what it is a report of."""
    of = [usage.period, usage.pool, terms.territory, terms.licence, terms.payee or "", *columns]
    name = _id_of(rows() if lines else [of])
    return Report(name, lines, csv_bytes(columns, ([name, *row] for row in rows())))


def _id_of(rows: Iterable[list[str]]) -> str:
    digest = hashlib.sha256(b"amos-report/1")
    for row in rows:
        digest.update(hashlib.sha256("\0".join(cell.replace("\0", "\0\0") for cell in row).encode()).digest())
    return digest.hexdigest()[:REPORT_ID_DIGITS]


def opt_state(usage: PeriodUsage, stem_id: bytes) -> str:
    """By the latest opt-out list in the log, up to the closing."""
    return OPTED_OUT if stem_id in usage.withdrawn else OPTED_IN


def composers_of(work: Work | None) -> tuple[str, str]:
    """(names, IPI numbers), each as one text, in one order; a number that is not known is an empty piece."""
    composers = (work.composers or []) if work else []
    known = any(who.ipi for who in composers)
    return listed(who.name for who in composers), listed(who.ipi or "" for who in composers) if known else ""


def _row(usage: PeriodUsage, terms: Terms, group: Group) -> list[str]:
    work = usage.works.get(group.stem_id)
    names, ipis = composers_of(work)

    def said(field: str) -> str:
        return (getattr(work, field) or "") if work else ""

    return [
        group.line_id,
        usage.period,
        group.territory,
        terms.licence or ("" if usage.pool == COMMUNAL else usage.pool),
        group.venue,
        str(group.tier),
        terms.category,
        group.stem_id.hex(),
        said("isrc"),
        said("iswc"),
        said("title"),
        said("artist"),
        names,
        ipis,
        said("publisher"),
        said("label"),
        said("upc"),
        str(group.ms),
        str(group.plays),
        utc_text(group.first_ms),
        utc_text(group.last_ms),
        listed(group.statuses),
        terms.rights_type,
        "" if group.share_ppm is None else str(group.share_ppm),
        usage.money.currency if usage.money else "",
        "" if group.micro is None else str(group.micro),
        yes_or_no(group.earns),
        group.standing,
        str(group.rights or ""),
        opt_state(usage, group.stem_id),
        usage.evidence.hex(),
    ]
