"""Clocks. Contract: `now_ms()` never goes back while the process lives; `unix_ms()` is None when the time is not known.

status says how far the wall clock can be trusted: the letters of signed energy meters (rights/RIGHTS.md).
"""

import time

from amos.compat import MICROPYTHON, const
from amos.edges.time_zone import read_zone
from amos.protocol.segment import CLOCK_INFORMATIVE, CLOCK_UNKNOWN

if MICROPYTHON:
    from time import sleep_ms, ticks_diff, ticks_ms
else:
    from amos.edges.ticks_host import sleep_ms, ticks_diff, ticks_ms

__all__ = ("SystemClock", "sleep_ms")

_UNIX_MS_PLAUSIBLE = const(1735689600000)
"""2025-01-01: a wall clock before this was never set."""


ZONE_MS = 10_000
"""The machine's time zone may be another one after so long."""


class SystemClock:
    """The machine's own clocks: milliseconds since this object was made, and a wall clock nobody vouches for."""

    def __init__(self):
        self._last = ticks_ms()
        self._elapsed_ms = self._zone_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the start; folds MicroPython's wrapping ticks, so call it at least once a day."""
        ticks = ticks_ms()
        self._elapsed_ms += ticks_diff(ticks, self._last)  # pyright: ignore[reportArgumentType] (one type on each runtime)
        self._last = ticks
        return self._elapsed_ms

    def unix_ms(self):
        """Wall clock in Unix milliseconds, or None when it was obviously never set."""
        now = time.time_ns() // 1000000
        return now if now >= _UNIX_MS_PLAUSIBLE else None

    def local(self, unix_s: int) -> "tuple[str, int, int]":
        """(date like 2026-12-25, weekday with Monday 0, second of the day) of a moment, by the machine's time zone,
        as that is set at present."""
        now_ms = self.now_ms()
        if now_ms - self._zone_ms >= ZONE_MS:
            self._zone_ms = now_ms
            read_zone()
        try:
            year, month, day, hour, minute, second, weekday, _yearday = time.localtime(unix_s)[:8]
        except (OverflowError, OSError, ValueError):
            return _utc(unix_s)
        return "%04d-%02d-%02d" % (year, month, day), weekday, (hour * 60 + minute) * 60 + second

    def status(self) -> int:
        """CLOCK_INFORMATIVE with a plausible wall clock, else CLOCK_UNKNOWN."""
        return CLOCK_UNKNOWN if self.unix_ms() is None else CLOCK_INFORMATIVE


def _utc(unix_s: int) -> "tuple[str, int, int]":
    """`local` by UTC, for years that the system's own calendar does not reach: on 32 bits it may end in 2038."""
    days, second = unix_s // 86400, unix_s % 86400
    # Of the Gregorian calendar, from the 1st of March of the year 0 on, so that a leap day is a year's last.
    era, day_of_era = (days + 719468) // 146097, (days + 719468) % 146097
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return "%04d-%02d-%02d" % (year + era * 400 + (month <= 2), month, day), (days + 3) % 7, second
