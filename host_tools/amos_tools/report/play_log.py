"""The sequential play log: every placement in the order of time, with what is known of its time. Pure.

A placement that goes on over several segments is one line, as long as what is said of it stays the same. Play without a
time that is believed stands where the ledger received it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from amos_tools.report.sheet import utc_text, yes_or_no
from amos_tools.report.society import Report, opt_state, report_of
from amos_tools.report.terms import Terms
from amos_tools.report.usage import FROZEN_LATE, PAYABLE, PeriodUsage, Placement

COLUMNS = (
    *("report_id", "number", "period", "started_utc", "ended_utc", "received_utc", "time_status", "venue", "player"),
    *("tier", "stem", "isrc", "title", "artist", "ms", "frames", "rate_hz", "begins", "ends", "royalty_bearing"),
    *("standing", "opt_state", "log_entry", "log_row", "evidence_root"),
)
"""REPORTS.md says what each means."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A placement with those that continue it; `last` is the latest of them."""

    first: Placement
    last: Placement
    frames: int


def play_log(usage: PeriodUsage, terms: Terms) -> Report:
    """The log's file."""
    chosen = [
        item
        for item in usage.placements
        if terms.payee is None or terms.payee in usage.shares(item.stem_id, item.rights)
    ]
    items = in_order(joined(chosen))

    def rows() -> Iterator[list[str]]:
        return (_row(usage, terms, number, item) for number, item in enumerate(items, 1))

    return report_of(usage, terms, COLUMNS, len(items), rows)


def joined(placements: list[Placement]) -> list[Joined]:
    """Rows that continue one another as one. A row goes on where one of the same stem and session ended unfinished."""
    found: list[Joined] = []
    going: dict[tuple[tuple[bytes, int, int, bytes], int], list[int]] = {}
    for item in sorted(placements, key=lambda item: (item.session, item.frame, item.place)):
        waiting = going.get((item.session, item.frame), [])
        at = None if item.begins else next((n for n in waiting if _same(found[n].last, item)), None)
        if at is None:
            found.append(Joined(item, item, item.frames))
            at = len(found) - 1
        else:
            waiting.remove(at)
            found[at] = replace(found[at], last=item, frames=found[at].frames + item.frames)
        if not item.ends:
            going.setdefault((item.session, item.frame + item.frames), []).append(at)
    return found


def in_order(items: list[Joined]) -> list[Joined]:
    """By when they began; by reception where that is not known."""

    def moment(item: Joined) -> int:
        first = item.first
        return first.started_ms if first.started_ms is not None else (first.received_s or 0) * 1000

    return sorted(items, key=lambda item: (moment(item), item.first.place))


def _same(before: Placement, item: Placement) -> bool:
    """Whether the same is said of both."""
    facts = ("site", "tier", "rate_hz", "status", "rights", "standing")
    return all(getattr(before, name) == getattr(item, name) for name in facts)


def _row(usage: PeriodUsage, terms: Terms, number: int, item: Joined) -> list[str]:
    first, work = item.first, usage.works.get(item.first.stem_id)
    received = None if first.received_s is None else first.received_s * 1000
    return [
        str(number),
        usage.period,
        utc_text(first.started_ms),
        utc_text(item.last.ended_ms),
        utc_text(received),
        first.status,
        terms.venues.venue(first.site),
        terms.venues.player(first.device_id),
        str(first.tier),
        first.stem_id.hex(),
        (work.isrc or "") if work else "",
        work.title if work else "",
        work.artist if work else "",
        str(item.frames * 1000 // first.rate_hz),
        str(item.frames),
        str(first.rate_hz),
        yes_or_no(first.begins),
        yes_or_no(item.last.ends),
        yes_or_no(first.standing in (PAYABLE, FROZEN_LATE)),
        first.standing,
        opt_state(usage, first.stem_id),
        str(first.place[0]),
        str(first.place[1]),
        usage.evidence.hex(),
    ]
