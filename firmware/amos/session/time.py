"""What time it is in a session: its own, which runs on whatever the clocks do, and the date that rests on it."""

from amos.score.day_clock import clock_value


class SessionTime:
    """Two clocks. The own one counts monotonic milliseconds; running free it follows the samples, as if they had been
    played in real time. The date rests on the newest anchor; without any, on the first moment at which the machine knew
    the time.

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
        elif self.dated is None:
            unix_ms = self._clock.unix_ms()
            self.dated = None if unix_ms is None else (unix_ms, self.now_ms(frame))

    def news(self, frame: int, frames_ahead: int, anyway: bool) -> "int | None":
        """The VM's clock value `frames_ahead` of `frame`, when a day has begun since the last or it is asked for
        `anyway`; None when there is none to tell or the date is unknown."""
        if self.dated is None:
            return None
        since_ms = self.now_ms(frame) + frames_ahead * 1000 // self._rate_hz - self.dated[1]
        day, weekday, second = self._clock.local((self.dated[0] + since_ms) // 1000)
        if day == self._told_day and not anyway:
            return None
        self._told_day = day
        return clock_value(weekday, day in self._holidays, second)
