"""Sliders that the day moves from point to point. SCORE.md, "Dayparts".

Only a score with `day_sliders` loads this.
"""

from amos.compat import const
from amos.score.day_clock import NEVER
from amos.score.rules import MINUTES_OF_DAY
from amos.score.score import Score

DAY_SLIDERS_MAX = 128
DAY_SLIDER_FIELDS = 6
_NONE = const(-1)


def with_day_sliders(base):
    """A class of days as `base`, which is `DayClock` or one over it, for a score with `day_sliders`."""

    class SliderDay(base):
        """Moves sliders along their rows, at whole minutes of the day.

        rows   where the row begins, in `day_sliders`, that each slider follows; -1: none
        """

        def __init__(self, score: Score):
            base.__init__(self, score)
            self.rows = [_NONE] * len(score.sliders)
            self._now = _NONE  # day and minute that the sliders were moved for last
            self._moving = False
            rows = score.day_sliders or ()
            marks = set(self._marks)
            for at in range(0, len(rows), DAY_SLIDER_FIELDS):
                for minute in (rows[at + 1], rows[at + 2]):
                    marks.add((minute % MINUTES_OF_DAY * 60 * self._rate, NEVER))
            self._marks = sorted(marks)

        def next_frame(self, none: int) -> int:
            """As any day's, or the next minute at which a slider moves."""
            frame = base.next_frame(self, none)
            if not self._moving:
                return frame
            return min(frame, self._midnight + (self._now % MINUTES_OF_DAY + 1) * 60 * self._rate)

        def move(self, sliders, frame: int) -> None:
            """As any day's; along one row sliders move on only where no input has set them."""
            minute = (frame - self._midnight) // (60 * self._rate)
            now = self._day() * MINUTES_OF_DAY + minute
            if not self._known or now == self._now:
                return
            self._now = now
            found = self._set_by_parts(minute)
            held = self._held(minute)
            table = self._score.day_sliders or ()
            self._moving = False
            for index, slider in enumerate(self._score.sliders):
                row = _NONE if index in found else held.get(index, _NONE)
                anew = row != self.rows[index]
                if row < 0:
                    position = found.get(index, slider.start_q15)
                else:
                    begin, position = table[row + 1], table[row + 4]
                    anew = anew or minute == begin
                    rise = table[row + 5] - position
                    position += rise * ((minute - begin) % MINUTES_OF_DAY) // (table[row + 2] - begin)
                    self._moving = self._moving or rise != 0
                if anew or position != self._positions[index]:
                    self.rows[index] = row
                    self._positions[index] = position
                    sliders.set_base(index, position, frame, anew or row < 0)

        def _held(self, minute: int) -> dict:
            """Of each slider with a row that covers the time, where the first of them begins."""
            found = {}
            day = self._day()
            table = self._score.day_sliders or ()
            for at in range(0, len(table), DAY_SLIDER_FIELDS):
                begin = table[at + 1]
                inside = (minute - begin) % MINUTES_OF_DAY < table[at + 2] - begin and table[at] >> day & 1
                if inside and table[at + 3] not in found:
                    found[table[at + 3]] = at
            return found

    return SliderDay
