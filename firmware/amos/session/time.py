"""What time it is in a session: its own, which runs on whatever the clocks do, and the date that rests on it."""

from amos.compat import const
from amos.score.day_clock import clock_value

_DRIFT_S_MAX = const(15)
"""The time of day may be wrong by so much before it is told anew: dayparts and announcements count in minutes."""


class SessionTime:
    """Two clocks. The own one counts monotonic milliseconds; running free it follows the samples, as if they had been
    played in real time. The date rests on the newest anchor; without any, on the first moment at which the machine knew
    the time, and again on its wall clock when that was set to another time; but not while running free.

    dated   (Unix ms, own ms) of one moment, or None
    `frame` is always the session's: delivered so far. `before` is the time of a session that gave way to this one.
    """

    def __init__(self, clock, rate_hz: int, config, before=None):
        self._clock = clock
        self._rate_hz = rate_hz
        self._free = config.pace == "free"
        self._holidays = config.holidays.split(",")
        self._started_ms = clock.now_ms()
        self._anchor: tuple[int, int] | None = None
        self._told_day = None
        self._told = (0, 0)  # the local second told last, counted from its day's midnight, and at which frame it is
        self.dated: tuple[int, int] | None = None
        if before is not None and self._free:  # the samples' own clock goes on
            self._started_ms, self.dated, self._anchor = before._ended_ms, before.dated, before._anchor
        self._ended_ms = self._started_ms

    def now_ms(self, frame: int) -> int:
        """Own time."""
        if self._free:
            return self._started_ms + frame * 1000 // self._rate_hz
        return self._clock.now_ms()

    def end(self, frame: int) -> None:
        """The session ends here, and the next one's own time goes on from it."""
        self._ended_ms = self.now_ms(frame)

    def date(self, frame: int) -> None:
        """Rest on the best there is."""
        anchor = self._clock.anchor
        if anchor is not None and anchor is not self._anchor:
            self._anchor = anchor
            # Running free, our own time is another than the clock's.
            self.dated = anchor[0], max(0, self.now_ms(frame) - self._clock.now_ms() + anchor[1])
        elif self.dated is None or (anchor is None and not self._free):
            unix_ms, now_ms = self._clock.unix_ms(), self.now_ms(frame)
            if unix_ms is not None and (self.dated is None or self._is_off(unix_ms, now_ms, self.dated)):
                self.dated = unix_ms, now_ms

    def _is_off(self, unix_ms: int, now_ms: int, dated: tuple) -> bool:
        return abs(unix_ms - dated[0] - (now_ms - dated[1])) > _DRIFT_S_MAX * 1000

    def week_minute(self, frame: int) -> "int | None":
        """Of the local week, from Monday's midnight, or None while the date is unknown."""
        self.date(frame)
        if self.dated is None:
            return None
        since_ms = self.now_ms(frame) - self.dated[1]
        _day, weekday, second = self._clock.local((self.dated[0] + since_ms) // 1000)
        return weekday * 1440 + second // 60

    def news(self, frame: int, frames_ahead: int, anyway: bool) -> "int | None":
        """The VM's clock value `frames_ahead` of `frame`, when a day has begun since the last, when the VM's own
        count has become wrong (summer time, another zone, a wall clock that was set, a break in play), or when it is
        asked for `anyway`; None when there is none to tell or the date is unknown."""
        self.date(frame)
        if self.dated is None:
            return None
        since_ms = self.now_ms(frame) + frames_ahead * 1000 // self._rate_hz - self.dated[1]
        day, weekday, second = self._clock.local((self.dated[0] + since_ms) // 1000)
        at_frame = frame + frames_ahead
        counted = self._told[0] + (at_frame - self._told[1]) // self._rate_hz
        if day == self._told_day and abs(second - counted) <= _DRIFT_S_MAX and not anyway:
            return None
        self._told_day, self._told = day, (second, at_frame)
        return clock_value(weekday, day in self._holidays, second)
