"""Time of day, as far as inputs tell it: which dayparts hold, and when announcements are due.

The VM has no clock. An input says what day and second it is at its frame; from there on frames count the time. Whoever
gives the inputs gives one at the start, after every midnight, and whenever its own clock and the frames drift apart.
"""

from amos.compat import const
from amos.score.score import Score

DAY_SECONDS = const(86400)
CLOCK_VALUE_MAX = const(14 * 86400 - 1)
_HOLIDAY_BIT = const(7)
_LATE_SECONDS_MAX = const(120)
"""An announcement that a correction of the clock jumps over is made up for when it is no later than this."""
_AGAIN_SECONDS_MIN = const(7200)
"""After a correction back (an hour, when summer time ends) nothing is announced twice."""
NEVER = const(-1)


def clock_value(weekday: int, holiday: bool, second: int) -> int:
    """Value of an `INPUT_CLOCK`: weekday 0 (Monday) .. 6, second of the day 0 .. 86399."""
    return (weekday * 2 + (1 if holiday else 0)) * DAY_SECONDS + second


class DayClock:
    """The marks of a day (daypart edges, announcements, midnight), in frames from midnight, and where we are in it."""

    __slots__ = (
        "_announced",
        "_edges",
        "_holiday",
        "_known",
        "_lead",
        "_marks",
        "_midnight",
        "_next",
        "_positions",
        "_rate",
        "_score",
        "_times",
        "_weekday",
    )

    def __init__(self, score: Score):
        self._score = score
        self._rate = score.rate_hz
        self._lead = score.duck_ramp_frames or 0
        minute_frames = 60 * self._rate
        marks = [(DAY_SECONDS * self._rate, NEVER)]
        edges = set()
        for part in score.dayparts or ():
            edges.add(part.from_minute)
            edges.add(part.until_minute)
        for minute in edges:
            marks.append((minute * minute_frames, NEVER))
        # (announcement, minute of the day) of each time at which one is made.
        self._times = []
        for index, item in enumerate(score.announcements or ()):
            if item.minute is not None:
                self._times.append((index, item.minute))
                self._times.extend([(index, minute) for minute in item.more_minutes or ()])
        for place, (_index, minute) in enumerate(self._times):
            marks.append((max(0, minute * minute_frames - self._lead), place))
        self._marks = sorted(set(marks))
        self._edges = bool(edges)
        self._announced = [NEVER] * len(self._times)
        self._known = False
        self._midnight = 0
        self._weekday = 0
        self._holiday = 0
        self._next = 0
        self._positions = [slider.start_q15 for slider in score.sliders]  # as the day has set them last

    def next_frame(self, none: int) -> int:
        """Frame of the next mark, or `none` while the time is unknown or nothing depends on it."""
        if not self._known or len(self._marks) == 1:
            return none
        return self._midnight + self._marks[self._next][0]

    def set(self, value: int, frame: int) -> list:
        """It is the time `value` at `frame`. Gives announcements that the clock jumped over, as `due` does."""
        day, second = divmod(value, DAY_SECONDS)
        before = self._midnight
        midnight = frame - second * self._rate
        missed = []
        if self._known:
            late = _LATE_SECONDS_MAX * self._rate
            for offset, place in self._marks:
                if place != NEVER and frame - late < midnight + offset < frame <= before + offset:
                    missed.append(place)
        self._known = True
        self._midnight = midnight
        self._weekday = day >> 1
        self._holiday = day & 1
        self._next = 0
        while midnight + self._marks[self._next][0] < frame:
            self._next += 1
        return [item for item in [self._announce(place, frame) for place in missed] if item]

    def due(self, frame: int) -> list:
        """Pass the marks at `frame`: the announcements due, as (index, frame they are due at)."""
        found = []
        while self._known and self._midnight + self._marks[self._next][0] <= frame:
            offset, place = self._marks[self._next]
            self._next += 1
            if place != NEVER:
                item = self._announce(place, frame)
                if item:
                    found.append(item)
            elif self._next == len(self._marks):
                # The day after a holiday is none unless an input says so.
                self._midnight += offset
                self._weekday = (self._weekday + 1) % 7
                self._holiday = 0
                self._next = 0
        return found

    def _announce(self, place: int, frame: int):
        index, minute = self._times[place]
        item = (self._score.announcements or [])[index]
        last = self._announced[place]
        if not item.days >> self._day() & 1 or (last != NEVER and frame - last < _AGAIN_SECONDS_MIN * self._rate):
            return None
        self._announced[place] = frame
        return index, max(frame, self._midnight + minute * 60 * self._rate)

    def _day(self) -> int:
        return _HOLIDAY_BIT if self._holiday else self._weekday

    def turned(self, volume_q15: int) -> int:
        """The operator's gain as the day turns it."""
        return volume_q15

    def move(self, sliders, frame: int) -> None:
        """Set the `Sliders` anew that have another position at `frame` than before; not while the time is unknown."""
        if not self._edges or not self._known:
            return
        found = self._set_by_parts((frame - self._midnight) // (60 * self._rate))
        for index, slider in enumerate(self._score.sliders):
            position = found.get(index, slider.start_q15)
            if position != self._positions[index]:
                self._positions[index] = position
                sliders.set_base(index, position, frame, True)

    def _set_by_parts(self, minute: int) -> dict:
        """Position of each slider that dayparts set; the first that covers the time holds."""
        found = {}
        day = self._day()
        for part in self._score.dayparts or ():
            if part.slider not in found and part.from_minute <= minute < part.until_minute and part.days >> day & 1:
                found[part.slider] = part.position_q15
        return found
