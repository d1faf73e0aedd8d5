"""Which month a segment's play belongs to (daemon/DESIGN.md section 11, late usage). Pure.

A period is a UTC calendar month, written "2026-11". The device's clock decides when it rests on an anchor and is
plausible; otherwise the ledger's own clock at reception does.
"""

from collections.abc import Container
from datetime import UTC, datetime
from functools import lru_cache

from amos.protocol.closing import YEAR_MAX, YEAR_MIN, period_fault
from amos.protocol.segment import CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED, Usage

DAY_S = 86_400
DAYS_REMEMBERED = 1024
"""Days whose period is in memory: all that play can be of."""

PLAY_AHEAD_S_MAX = 24 * 3600
"""A play this far after its reception is a clock that is wrong, not a play: time zones are not involved."""

PLAY_AGE_S_MAX = 400 * 24 * 3600
"""Older play than this is taken for a wrong clock: a year offline, and a month to get round to the sync."""


class PeriodError(ValueError):
    """Not a period: expected a year and month like 2026-11."""


def played_unix_s(usage: Usage) -> int | None:
    """Start of the segment's play in Unix seconds by the device's own clock; None when that rests on no anchor."""
    if usage.clock not in (CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED):
        return None
    if usage.anchor_unix_ms is None or usage.anchor_ms is None:
        return None
    return (usage.anchor_unix_ms + usage.start_ms - usage.anchor_ms) // 1000


def claimed_period(usage: Usage) -> str | None:
    """The period of the device's own clock; None where that knows no time, or names no period."""
    played_s = played_unix_s(usage)
    try:
        return None if played_s is None else period_at(played_s)
    except PeriodError:
        return None


def plausible(played_s: int, received_unix_s: int) -> bool:
    """Whether play at `played_s` can have been received at `received_unix_s`."""
    return received_unix_s - PLAY_AGE_S_MAX <= played_s <= received_unix_s + PLAY_AHEAD_S_MAX


def period_of(usage: Usage, received_unix_s: int) -> str:
    """The period in which the segment's play starts: by its anchor when that is plausible, else by reception."""
    played_s = played_unix_s(usage)
    if played_s is None or not plausible(played_s, received_unix_s):
        played_s = received_unix_s
    return period_at(played_s)


def period_at(unix_s: int) -> str:
    """The period that holds this instant. Raises `PeriodError` for one outside the years 2000 to 9998."""
    try:
        return _period_of_day(unix_s // DAY_S)
    except PeriodError:
        raise
    except (OverflowError, OSError, ValueError):
        raise PeriodError(
            f"unix_s: expected an instant in the years {YEAR_MIN} to {YEAR_MAX}, found {unix_s}"
        ) from None


@lru_cache(DAYS_REMEMBERED)
def _period_of_day(day: int) -> str:
    moment = datetime.fromtimestamp(day * DAY_S, UTC)
    period = f"{moment.year:04}-{moment.month:02}"
    parse_period(period)
    return period


def parse_period(text: str) -> tuple[int, int]:
    """(year, month) of "2026-11". Raises `PeriodError`."""
    fault = period_fault(text)
    if fault:
        raise PeriodError(fault)
    return int(text[:4]), int(text[5:])


def next_period(period: str) -> str:
    """The month after."""
    year, month = parse_period(period)
    return f"{year + month // 12:04}-{month % 12 + 1:02}"


def assign_period(natural: str, closed: Container[str]) -> tuple[str, bool]:
    """(period the usage accrues to, late): its own if that is open, else the next open one, marked late."""
    period = natural
    while period in closed:
        period = next_period(period)
    return period, period != natural
