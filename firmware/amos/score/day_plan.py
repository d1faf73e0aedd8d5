"""What a day brings beside sliders and announcements: sections that it leads to, and how loud it is. SCORE.md, "Day".

Only a score with `day_sections` or `day_volumes` loads this.
"""

from amos.compat import const
from amos.score.day_clock import NEVER, DayClock
from amos.score.decibels import gain_of
from amos.score.rules import DAYS_ALL, MINUTES_OF_DAY
from amos.score.score import DAY_SECTION_FIELDS, DAY_VOLUME_FIELDS, Score

_STEP_CDB = const(100)
"""In a second the volume moves by one decibel at most, whatever the clock does."""
_DOWN_CDB_MAX = const(9600)
"""As far as the gain of a layer: more is silence."""
_NOWHERE = const(-1)
_LATER = const(1 << 62)


class DayPlan(DayClock):
    """A `DayClock` that knows where the day leads, and how loud it is.

    lead    index of the section that the day waits to lead to; -1: none
    world   of the one that it has led to last, the first at the beginning
    """

    def __init__(self, score: Score):
        DayClock.__init__(self, score)
        self.lead = _NOWHERE
        self.world = self._wanted = 0
        self._down_cdb = 0  # hundredths of a decibel
        self._due = _LATER
        marks = set(self._marks)
        for rows, fields in (
            (score.day_sections or (), DAY_SECTION_FIELDS),
            (score.day_volumes or (), DAY_VOLUME_FIELDS),
        ):
            for at in range(0, len(rows), fields):
                for minute in (rows[at + 1], rows[at + 2]):
                    marks.add((minute * 60 * self._rate, NEVER))
        self._marks = sorted(marks)

    def next_frame(self, none: int) -> int:
        """As any day's, or the next second at which the volume moves."""
        return min(DayClock.next_frame(self, none), self._due)

    def set(self, value: int, frame: int) -> list:
        """As any day's."""
        missed = DayClock.set(self, value, frame)
        self._settle(frame)
        return missed

    def due(self, frame: int) -> list:
        """As any day's."""
        found = DayClock.due(self, frame)
        self._settle(frame)
        return found

    def turned(self, volume_q15: int) -> int:
        """The operator's gain, Q15, as the day turns it down; 1 at least."""
        return max(1, volume_q15 * gain_of(-(self._down_cdb << 15) // 100) >> 15)

    def arrived(self, section: int) -> None:
        """The day has led to `section`."""
        self.world = section
        self.lead = _NOWHERE

    def _settle(self, frame: int) -> None:
        second = (frame - self._midnight) // self._rate
        rows = self._score.day_sections or ()
        at = self._row(rows, DAY_SECTION_FIELDS, second)
        wanted = rows[at + 3] if at >= 0 else 0
        if wanted != self._wanted:
            self._wanted = wanted
            self.lead = _NOWHERE if wanted == self.world else wanted
        self._settle_volume(frame, second)

    def _settle_volume(self, frame: int, second: int) -> None:
        rows = self._score.day_volumes or ()
        at = self._row(rows, DAY_VOLUME_FIELDS, second)
        down = rise = 0
        if at >= 0:
            down = rows[at + 3]
            rise = rows[at + 4] - down
            begin = rows[at + 1] * 60
            down += rise * (second - begin) // (rows[at + 2] * 60 - begin)
        if frame == 0:
            self._down_cdb = down
        elif self._due <= frame:
            self._down_cdb += max(-_STEP_CDB, min(_STEP_CDB, down - self._down_cdb))
        still = not rise and down == self._down_cdb
        self._due = _LATER if still else self._midnight + (second + 1) * self._rate

    def _row(self, rows, fields: int, second: int) -> int:
        """Where the first row begins that covers the day and `second`; -1: none does."""
        minute = second // 60
        day = self._day()
        for at in range(0, len(rows), fields):
            if rows[at + 1] <= minute < rows[at + 2] and rows[at] >> day & 1:
                return at
        return -1


def led_by_day(base):
    """A class of conductors as `base`, for a `DayPlan`."""

    class DayConductor(base):
        """Goes where the day leads, instead of where `nexts` do."""

        _day: DayPlan

        def step(self, frame: int) -> None:
            """As any conductor's; what begins again after a pause does so where the day has led meanwhile."""
            if self.paused and self._resume_frame <= frame and self._day.lead >= 0:
                self.section = self._day.lead
            base.step(self, frame)

        def _following(self, skipping: bool, frame: int) -> int:
            lead = self._day.lead
            if lead == self.section:
                self._day.arrived(lead)
            elif lead >= 0 and self._bridge_to < 0:
                return lead
            return base._following(self, skipping, frame)

        def _enter(self, index: int, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
            if not any(self.visits) and self._day.lead >= 0:
                index = self._day.lead
            if index == self._day.lead:
                self._day.arrived(index)
            base._enter(self, index, beat, frame, playing, fade_frames, linear)

    return DayConductor


def day_fault(score: Score) -> "str | None":
    """What is no day, or None."""
    reason = _rows_fault(score.day_sections, DAY_SECTION_FIELDS, 1, len(score.sections) - 1)
    if reason:
        return "day_sections: " + reason
    reason = _rows_fault(score.day_volumes, DAY_VOLUME_FIELDS, 2, _DOWN_CDB_MAX)
    return "day_volumes: " + reason if reason else None


def _rows_fault(rows, fields: int, values: int, most: int):
    """Of rows of so many fields, whose last so many `values` are at most `most`."""
    if rows is None:
        return None
    if not len(rows) or len(rows) % fields:
        return "expected rows of %d numbers, at least one" % fields
    for at in range(0, len(rows), fields):
        if rows[at] > DAYS_ALL or not rows[at + 1] < rows[at + 2] <= MINUTES_OF_DAY:
            return "expected days up to 255, and minutes from < until <= 1440"
        for value in rows[at + fields - values : at + fields]:
            if value > most:
                return "expected at most %d, found %d" % (most, value)
    return None
