"""The rules of a score beyond its sections: reactions, dayparts, announcements and render plans. See SCORE.md."""

from amos.compat import const
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX, STEMS_MAX
from amos.protocol.record import U32, Record
from amos.score.parts import (
    AT_END,
    FADE_FRAMES_MAX,
    SECTIONS_MAX,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

HITS_MAX = 64
HIT_FRAMES_MIN = 2048
"""What a hit ends must be able to fade without a click."""
PLAN_FRAMES_MAX = U32
"""A day at 48 kHz."""
DAYS_ALL = 255
"""Bits: Monday 0 .. Sunday 6, holiday 7."""
MINUTES_OF_DAY = 1440
TIMES_OF_DAY_MAX = 144
"""Of an announcement: every ten minutes."""

REACT_LIKE = 0
REACT_DISLIKE = 1
REACT_SKIP = 2
REACT_SHUFFLE = 3
BLOCK_STEM = 1
BLOCK_ARTIST = 2
_FACTOR_Q8_MAX = const(16 << 8)


class Reaction(Record):
    """What a like, dislike, skip or shuffle does to the stems it is about.

    factor_q8   their weight is multiplied by it
    swap        they give way to others: AT_BEAT, AT_BAR or AT_END
    block       BLOCK_STEM: they are not drawn again; BLOCK_ARTIST: nor is anything by their artists
    """

    NAME = "reaction"
    FIELDS = (
        (1, "kind", "uint", REACT_SHUFFLE),
        (2, "factor_q8", "uint?", _FACTOR_Q8_MAX),
        (3, "swap", "uint?", AT_END),
        (4, "block", "uint?", BLOCK_ARTIST),
    )

    kind: int
    factor_q8: "int | None"
    swap: "int | None"
    block: "int | None"


class Daypart(Record):
    """On `days`, from one minute of the day until before another, slider `slider` stands at `position_q15`."""

    NAME = "daypart"
    FIELDS = (
        (1, "days", "uint", DAYS_ALL),
        (2, "from_minute", "uint", MINUTES_OF_DAY - 1),
        (3, "until_minute", "uint", MINUTES_OF_DAY),
        (4, "slider", "uint", 31),
        (5, "position_q15", "uint", 32768),
    )

    days: int
    from_minute: int
    until_minute: int
    slider: int
    position_q15: int

    def fault(self) -> "str | None":
        return None if self.from_minute < self.until_minute else "minutes: expected from < until"


class Announcement(Record):
    """A stem played over the music at a time of day, or when asked for; without a stem, room for a live one.

    minute         of the day, with days; absent: only when asked for
    more_minutes   later ones of the day, ascending (version 2)
    exact          at the very frame; otherwise at the next bar
    frames         how long the music stays ducked for an announcement without a stem
    """

    NAME = "announcement"
    KEYS_OF_1 = 8
    FIELDS = (
        (1, "name", "text", SMALL_TEXT_BYTES_MAX),
        (2, "stem", "uint?", STEMS_MAX - 1),
        (3, "minute", "uint?", MINUTES_OF_DAY - 1),
        (4, "days", "uint", DAYS_ALL),
        (5, "exact", "bool", None),
        (6, "duck", "bool", None),
        (7, "gain_q15", "uint", 32768),
        (8, "frames", "uint", FADE_FRAMES_MAX),
        (9, "more_minutes", "H?", TIMES_OF_DAY_MAX - 1),
    )

    name: str
    stem: "int | None"
    minute: "int | None"
    days: int
    exact: bool
    duck: bool
    gain_q15: int
    frames: int
    more_minutes: "array[int] | None"

    def fault(self) -> "str | None":
        previous = self.minute
        for minute in self.more_minutes or ():
            if previous is None or not previous < minute < MINUTES_OF_DAY:
                return "more_minutes: expected ascending, after minute and below 1440"
            previous = minute
        return None


class Hit(Record):
    """Section `section` is entered at `frame`, whatever else would happen there."""

    NAME = "hit"
    FIELDS = ((1, "frame", "uint", PLAN_FRAMES_MAX), (2, "section", "uint", SECTIONS_MAX - 1))

    frame: int
    section: int


class RenderPlan(Record):
    """A piece of exact length: ends at `length_frames` with a fade, and enters sections at the frames of `hits`."""

    NAME = "render"
    FIELDS = (
        (1, "name", "text", SMALL_TEXT_BYTES_MAX),
        (2, "length_frames", "uint", PLAN_FRAMES_MAX),
        (3, "fade_frames", "uint", FADE_FRAMES_MAX),
        (4, "hits", "records", (Hit, HITS_MAX)),
    )

    name: str
    length_frames: int
    fade_frames: int
    hits: "list[Hit]"

    def fault(self) -> "str | None":
        earliest = 0
        for hit in self.hits:
            if hit.frame < earliest or 0 < hit.frame < HIT_FRAMES_MIN:
                return "hits: expected ascending, at least %d frames apart" % HIT_FRAMES_MIN
            earliest = hit.frame + HIT_FRAMES_MIN
        if self.length_frames - self.fade_frames < max(earliest, HIT_FRAMES_MIN):
            return "fade: expected to begin after all hits, %d frames before the end or earlier" % HIT_FRAMES_MIN
        return None
