"""Hours of silence as people write them: `02:00-06:00`, `mon-fri 22:00-07:00`, `sun`."""

import re

from amos.protocol.directive import Hours
from amos_tools.fleet.errors import FleetError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ALL = (1 << len(WEEKDAYS)) - 1
_DAY = "|".join(WEEKDAYS)
_DAYS = re.compile(f"(?:{_DAY})(?:-(?:{_DAY}))?(?:,(?:{_DAY})(?:-(?:{_DAY}))?)*")
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIMES = re.compile(f"({_TIME})-({_TIME}|24:00)")
_DAY_MINUTES = 1440
_LETTERS_MAX = 40


def hours_of(text: str) -> Hours:
    """Of each day, or after weekdays, of the days that begin so; weekdays alone are whole days. Raises `FleetError`."""
    weekdays, times = None, text
    if text[:1].isalpha():
        days, _space, times = text.partition(" ")
        weekdays, times = _weekdays_of(days.lower(), text), times or "00:00-24:00"
    found = _TIMES.fullmatch(times)
    if found:
        # The end of a day is the beginning of the next.
        first, until = _minute_of(found[1]), _minute_of(found[2]) % _DAY_MINUTES
        if weekdays is not None or first != until:
            return Hours(from_minute=first, until_minute=until, weekdays=weekdays)
    raise FleetError(
        "--pause: expected two different times of a day, as in 02:00-06:00, and weekdays before them where it is not"
        f" each day, as in 'mon-fri 22:00-07:00', found {text[:_LETTERS_MAX]!r}"
    )


def text_of(hours: Hours) -> str:
    """The other way round."""
    if hours.weekdays is None:
        return _times_of(hours)
    return f"{_days_of(hours.weekdays)} {_times_of(hours)}"


def _minute_of(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _weekdays_of(days: str, text: str) -> int | None:
    """Their bits; None for all of them."""
    if not _DAYS.fullmatch(days):
        raise FleetError(f"--pause: expected weekdays as in mon-fri or sat,sun, found {text[:_LETTERS_MAX]!r}")
    bits = 0
    for part in days.split(","):
        first, _dash, last = part.partition("-")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        for day in range(begin, end + 1 if end >= begin else end + 1 + len(WEEKDAYS)):
            bits |= 1 << day % len(WEEKDAYS)
    return None if bits == _ALL else bits


def _days_of(weekdays: int) -> str:
    parts: list[list[int]] = []
    for day in range(len(WEEKDAYS)):
        if weekdays >> day & 1:
            if parts and parts[-1][-1] == day - 1:
                parts[-1].append(day)
            else:
                parts.append([day])
    return ",".join(WEEKDAYS[part[0]] + (f"-{WEEKDAYS[part[-1]]}" if part[1:] else "") for part in parts)


def _times_of(hours: Hours) -> str:
    until = "24:00" if hours.from_minute == hours.until_minute == 0 else _clock(hours.until_minute)
    return f"{_clock(hours.from_minute)}-{until}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
