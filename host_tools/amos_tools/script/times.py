"""Days and times of day, as dayparts and announcements name them."""

import re

from amos.score.day_clock import clock_value
from amos.score.rules import DAYS_ALL, MINUTES_OF_DAY
from amos_tools.script import tree
from amos_tools.script.problems import Problems

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
HOLIDAY = 1 << 7


def days_mask(days: tuple[tree.Days, ...], problems: Problems) -> int:
    """Bits of the days (Monday 0 … Sunday 6, holiday 7). No days at all are all of them."""
    mask = 0 if days else DAYS_ALL
    for item in days:
        first, last = item.first.value, item.last.value
        if first == last:
            mask |= DAYS_ALL if first == "daily" else 1 << DAY_NAMES.index(first)
        elif "daily" in (first, last) or "holiday" in (first, last):
            problems.error(item.span, "a range runs from one weekday to another", expected=["such as `mon-fri`"])
        else:
            start, end = DAY_NAMES.index(first), DAY_NAMES.index(last)
            for step in range((end - start) % 7 + 1):
                mask |= 1 << (start + step) % 7
    return mask


def next_days(mask: int) -> int:
    """The days after those of `mask`, for what runs past midnight; what holds on holidays does so into the next."""
    weekdays = mask & ~HOLIDAY
    return (weekdays << 1 & 127) | (weekdays >> 6) | (mask & HOLIDAY)


def minute_of(time: tree.Text, problems: Problems, last: int = MINUTES_OF_DAY - 1) -> int | None:
    """Minute of the day, or None with an error noted. `last` is 1440 where 24:00 makes sense."""
    hours, minutes = time.value.split(":")
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) >= 60 or minute > last:
        limit = f"00:00 to {last // 60:02}:{last % 60:02}"
        problems.error(time.span, "this is not a time of day", expected=[limit])
        return None
    return minute


class ClockError(ValueError):
    """What was given is no day and time."""


def clock_of(text: str) -> int | None:
    """Value of an `INPUT_CLOCK` for such as `mon 07:30`, `holiday 09:00` (a Monday), or None for `none`.

    Raises `ClockError`.
    """
    if text.strip() == "none":
        return None
    match = re.fullmatch(r"([a-z]+) +(\d{1,2}):(\d{2})", text.strip())
    if not match or match[1] not in DAY_NAMES or int(match[2]) > 23 or int(match[3]) > 59:
        raise ClockError(f'clock: expected a day and time such as "mon 07:30", found {text[:40]!r}')
    holiday = match[1] == "holiday"
    weekday = 0 if holiday else DAY_NAMES.index(match[1])
    return clock_value(weekday, holiday, int(match[2]) * 3600 + int(match[3]) * 60)


def time_of(minute: int) -> str:
    """A minute of the day, or of the next, as a time."""
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def moment(frame: int, rate_hz: int) -> str:
    """A frame as hours, minutes and seconds."""
    ms = frame * 1000 // rate_hz
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
