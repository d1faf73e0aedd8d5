"""The days and venues that a statement tells, as far as it does; nothing is verified here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

Detail = Mapping[str, Any]

WORDS = {
    "name": "by name",
    "region": "by region",
    "pseudonym": "by pseudonyms, which are yours alone and stay the same",
}
"""How venues appear."""
NO_REGION = "(not stated)"
UNDATED = "undated"


@dataclass(frozen=True)
class DayPlay:
    """Whole milliseconds of some play. `days`: by date, in order, those with play; `more`: (count, milliseconds) of the
    venues beside those named."""

    days: dict[date, int]
    undated_ms: int
    sites: int
    venues: list[tuple[str, int]]
    more: tuple[int, int]

    @property
    def by_day(self) -> list[tuple[str, int]]:
        """Dates as text, and what is undated."""
        dated = [(day.isoformat(), ms) for day, ms in self.days.items()]
        return [*dated, *([(UNDATED, self.undated_ms)] if self.undated_ms else [])]

    @property
    def by_venue(self) -> list[tuple[str, int]]:
        """Names, and what is at the others."""
        count, ms = self.more
        named = [(name or NO_REGION, part) for name, part in self.venues]
        return [*named, *([(f"{count} more", ms)] if count else [])]


def whole_play(detail: Detail) -> DayPlay:
    """Of all lines together."""
    return _play(detail["whole"])


def line_play(detail: Detail | None) -> dict[tuple[str, int], DayPlay]:
    """By `lines` or `unpaid` and the line's number there; those that were left out are missing."""
    return {(item["of"], item["line"]): _play(item) for item in (detail["lines"] if detail else [])}


def line_sites(detail: Detail | None, of: str) -> dict[int, str]:
    """At how many sites each of `lines` or `unpaid` played, by its number there, where that is told."""
    return {item["line"]: str(item["sites"]) for item in (detail["lines"] if detail else []) if item["of"] == of}


def left_out(detail: Detail) -> str:
    """What to say of the lines whose days are not told."""
    count = detail["left_out"]
    if not count:
        return ""
    return f"Days and venues of {count} lines are left out, so that the file stays small; the operator can tell them."


def _play(item: Mapping[str, Any]) -> DayPlay:
    days: dict[date, int] = {}
    for first, *parts in item["days"]:
        begin = date.fromisoformat(first)
        days |= {begin + timedelta(at): ms for at, ms in enumerate(parts) if ms}
    count, ms = item["more_venues"]
    return DayPlay(
        days, item["undated_ms"], item["sites"], [(str(name), part) for name, part in item["venues"]], (count, ms)
    )
