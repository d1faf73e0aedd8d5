"""What a score of version 4 must be beside what its tables say, and what plays it.

Only a score of version 4 loads this, and a board lets go of it once the VM is made. SCORE.md is the reference.
"""

from amos.score.day_sliders import DAY_SLIDER_FIELDS, with_day_sliders
from amos.score.rules import DAYS_ALL, MINUTES_OF_DAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from amos.score.score import Score


def version_4_fault(score: "Score") -> "str | None":
    """What contradicts something else, or None."""
    rows = score.day_sliders
    if not rows or len(rows) % DAY_SLIDER_FIELDS:
        return "day_sliders: expected rows of %d numbers, at least one" % DAY_SLIDER_FIELDS
    for at in range(0, len(rows), DAY_SLIDER_FIELDS):
        begin, end = rows[at + 1], rows[at + 2]
        if rows[at] > DAYS_ALL or begin >= MINUTES_OF_DAY or not begin < end <= begin + MINUTES_OF_DAY:
            return "day_sliders: expected days up to 255, and from a minute of the day for at most a day"
        if rows[at + 3] >= len(score.sliders):
            return "day_sliders: expected a slider below %d, found %d" % (len(score.sliders), rows[at + 3])
        for position in rows[at + 4 : at + 6]:
            if position > 32768:
                return "day_sliders: expected a position of at most 32768, found %d" % position
    return None


def with_version_4(score: "Score", stage, chooser, conductor, day):
    """The classes of stage, chooser, conductor and day that the score needs, over those that version 3 needs."""
    return stage, chooser, conductor, with_day_sliders(day) if score.day_sliders is not None else day
