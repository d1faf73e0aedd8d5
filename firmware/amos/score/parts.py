"""The parts of a score: sliders, pools, layers, sections and transitions. SCORE.md is the reference."""

from amos.compat import const
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX, STEMS_MAX
from amos.protocol.record import U16, U32, Record
from amos.score.expression import CODE_WORDS_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

SECTIONS_MAX = 64
"""The next-matrix stays readable, and a board holds it."""
LAYERS_MAX = 32
"""More layers than voices could never sound."""
VOICES_MAX = 32
"""Sums of 32 voices keep ten fractional bits in 32 bits."""
POOLS_MAX = 256
THEMES_MAX = 32
SHIFTS_MAX = 64
ROLE_MAX = 7
EXCLUSIVE_MAX = 16
_ROLES_ALL = const(255)
BARS_MAX = 4096
"""Over two hours at 120 bpm in 4/4."""
GRID_BEATS_MAX = 4096
FADE_FRAMES_MAX = 1 << 24
"""Almost six minutes at 48 kHz."""
SLEW_FRAMES_MAX = 1 << 30
"""Over six hours at 48 kHz."""
_SLIDER_Q15_MAX = const(1000 << 15)
"""Sliders run within -1000 .. 1000."""
STROKES_MAX = 128
"""Of a pattern: eight bars of sixteenths."""
STROKE_FRAMES_MIN = 2048
"""From one stroke to the next: twice the fade with which it cuts what sounds."""
STROKES_SECOND_MAX = 40
"""Of a section: a player logs 64 rows a second."""
TEMPO_MBPM_MIN = 20_000
TEMPO_MBPM_MAX = 400_000
SHAPE_FACTS = 5
ANY = 0
"""In a transition: any section. Sections are counted from 1 there."""

AT_ONCE = 0
AT_BEAT = 1
AT_BAR = 2
AT_END = 3
"""When a section that is asked to leave does so, and when a stem is swapped."""


_PLAYS_AS = ("lane", "pool", "gain_q15", "fade_frames", "tail_frames", "cue_frames", "rings", "themed", "shifts",
             "level", "rise_frames", "ticks", "strokes", "shape")  # fmt: skip


class ScoreError(ProtocolError):
    """A score is not what SCORE.md says, or does not fit the pack it came with."""


class Slider(Record):
    """A value from outside, `lo_q15` .. `hi_q15`; `start_q15` is its position between them, 0 .. 32768.

    section_scope   what an input sets lasts until the section ends
    slew_frames     time for the whole range; the value moves no faster
    """

    NAME = "slider"
    FIELDS = (
        (1, "name", "text", SMALL_TEXT_BYTES_MAX),
        (2, "lo_q15", "int", _SLIDER_Q15_MAX),
        (3, "hi_q15", "int", _SLIDER_Q15_MAX),
        (4, "start_q15", "uint", 32768),
        (5, "section_scope", "bool?", None),
        (6, "slew_frames", "uint?", SLEW_FRAMES_MAX),
    )

    name: str
    lo_q15: int
    hi_q15: int
    start_q15: int
    section_scope: "bool | None"
    slew_frames: "int | None"

    def fault(self) -> "str | None":
        return None if self.lo_q15 < self.hi_q15 else "lo: expected less than hi"

    def value(self, position_q15: int) -> int:
        """The slider's value in Q15 at a position of 0 .. 32768."""
        return self.lo_q15 + ((self.hi_q15 - self.lo_q15) * position_q15 >> 15)


def is_ascending(stems) -> bool:
    """Whether each of these numbers is above the one before it."""
    previous = -1
    for stem in stems:
        if stem <= previous:
            return False
        previous = stem
    return True


class Pool(Record):
    """Stems a layer may draw, as ascending indexes into the pack's stem table.

    `off_key` and `off_tempo` are stems that fail only that condition; they join when the rule is relaxed. `same_as` is
    an earlier pool that is the same in another tempo or key: what is played from one was played from all (version 2).
    """

    NAME = "pool"
    KEYS_OF_1 = 3
    FIELDS = (
        (1, "stems", "H", STEMS_MAX),
        (2, "off_key", "H?", STEMS_MAX),
        (3, "off_tempo", "H?", STEMS_MAX),
        (4, "same_as", "uint?", POOLS_MAX - 1),
    )

    stems: "array[int]"
    off_key: "array[int] | None"
    off_tempo: "array[int] | None"
    same_as: "int | None"

    def fault(self) -> "str | None":
        for stems in (self.stems, self.off_key or (), self.off_tempo or ()):
            if not is_ascending(stems):
                return "stems: expected ascending"
        return None if len(self.stems) else "stems: expected at least one"

    def highest(self) -> int:
        """The largest index in the pool."""
        return max([stems[len(stems) - 1] for stems in (self.stems, self.off_key, self.off_tempo) if stems])


class StemSet(Record):
    """Some stems, as ascending indexes into the pack's stem table: a theme; with `beats`, shifts (version 2)."""

    NAME = "stems"
    FIELDS = ((1, "stems", "H", STEMS_MAX), (2, "beats", "H?", STEMS_MAX))

    stems: "array[int]"
    beats: "array[int] | None"


class Layer(Record):
    """One `play`: keeps up to `count` stems of a pool sounding while its section lasts.

    cue_frames    a stem begins so much before its point of the grid
    tail_frames   the last so many frames of a stem ring on under the one that follows
    linear        fades are linear, not of equal power
    rings         loops of the pool are longer than their beats, and ring out under the stem that follows (version 2)
    themed        its stems are of the theme of the visit (version 2)
    when          expression that must hold where a stem begins, of sliders and of roles that sound (version 2)
    shifts        index of the score's shifts of its loops (version 2)
    level         expression of sliders: decibels above `gain_q15`, clamped to 0 and less (version 2)
    rise_frames   `level` has one slider more, which goes from 0 to 1 in so many frames from the layer's entry on
    ticks         with strokes: so many make a grid (version 2)
    strokes       ticks of each grid at which a stem is struck, ascending; no other points (version 2)
    once          a slot plays one stem a visit, and rests (version 2)
    until_beats   the layer ends so many beats after the section's start (version 2)
    shape         its stems are darker, narrower or wider, or to one side (`amos.sound.shape`; version 3)
    """

    NAME = "layer"
    KEYS_OF_1 = 13
    KEYS_OF_2 = 28
    FIELDS = (
        (1, "role", "uint", ROLE_MAX),
        (2, "pool", "uint", POOLS_MAX - 1),
        (3, "lane", "uint", U32 - 1),
        (4, "count_min", "uint", VOICES_MAX),
        (5, "count_max", "uint", VOICES_MAX),
        (6, "grid_beats", "uint", GRID_BEATS_MAX),
        (7, "enter_beats", "uint", U16),
        (8, "gain_q15", "uint", 32768),
        (9, "fade_frames", "uint", FADE_FRAMES_MAX),
        (10, "chance", "i?", CODE_WORDS_MAX),
        (11, "cue_frames", "uint?", FADE_FRAMES_MAX),
        (12, "tail_frames", "uint?", FADE_FRAMES_MAX),
        (13, "linear", "bool?", None),
        (14, "rings", "bool?", None),
        (15, "themed", "bool?", None),
        (16, "when", "i?", CODE_WORDS_MAX),
        (17, "shifts", "uint?", SHIFTS_MAX - 1),
        (20, "level", "i?", CODE_WORDS_MAX),
        (21, "rise_frames", "uint?", SLEW_FRAMES_MAX),
        (25, "ticks", "uint?", U16),
        (26, "strokes", "H?", STROKES_MAX),
        (27, "once", "bool?", None),
        (28, "until_beats", "uint?", BARS_MAX * 64),
        (29, "shape", "H?", SHAPE_FACTS),
    )

    role: int
    pool: int
    lane: int
    count_min: int
    count_max: int
    grid_beats: int
    enter_beats: int
    gain_q15: int
    fade_frames: int
    chance: "array[int] | None" = None
    cue_frames: "int | None" = None
    tail_frames: "int | None" = None
    linear: "bool | None" = None
    rings: "bool | None" = None
    themed: "bool | None" = None
    when: "array[int] | None" = None
    shifts: "int | None" = None
    level: "array[int] | None" = None
    rise_frames: "int | None" = None
    ticks: "int | None" = None
    strokes: "array[int] | None" = None
    once: "bool | None" = None
    until_beats: "int | None" = None
    shape: "array[int] | None" = None

    def fault(self) -> "str | None":
        if not self.count_min <= self.count_max or not self.count_max:
            return "count: expected min <= max and at least 1"
        if self.fade_frames and self.tail_frames:
            return "fade and tail: expected one of them"
        if self.until_beats is not None and self.until_beats <= self.enter_beats:
            return "until_beats: expected more than enter_beats"
        return None if self.grid_beats else "grid_beats: expected at least 1"

    def overlaps(self):
        """Whether a stem may begin while the one before it still sounds: it fades, or rings."""
        return self.fade_frames or self.tail_frames or self.rings

    def voices(self) -> int:
        """Voices at most at once: stems that fade or ring into one another overlap in pairs, strokes one at a time."""
        if self.strokes is not None:
            return self.count_max + (1 if self.rings else 0)
        return self.count_max * (2 if self.overlaps() else 1)

    def plays_as(self, other: "Layer") -> bool:
        """Whether a stem of `other` may play on in this layer as if nothing had happened."""
        for name in _PLAYS_AS:
            if getattr(self, name) != getattr(other, name):
                return False
        return self.strokes is None or (self.grid_beats, self.enter_beats) == (other.grid_beats, other.enter_beats)


class Next(Record):
    """A section that may follow, with its weight and condition (expressions).

    after_visits   only from this visit on of the section it follows, since the start or since it followed last
                   (version 2)
    """

    NAME = "next"
    KEYS_OF_1 = 3
    FIELDS = (
        (1, "section", "uint", SECTIONS_MAX - 1),
        (2, "weight", "i", CODE_WORDS_MAX),
        (3, "when", "i?", CODE_WORDS_MAX),
        (4, "after_visits", "uint?", U16),
    )

    section: int
    weight: "array[int]"
    when: "array[int] | None"
    after_visits: "int | None"


class ScoreSection(Record):
    """A section of `bars_min` .. `bars_max` bars. Without `nexts` it follows itself.

    step_bars   its length is a multiple of these, so that phrases end with it (version 2)
    themes      indexes of the score's themes, of which each visit draws one (version 2)
    exclusive   bits of roles that never sound at once in this section (version 2)
    tempo_mbpm  its own tempo; its beats are counted from its beginning (version 2)
    """

    NAME = "section"
    KEYS_OF_1 = 5
    FIELDS = (
        (1, "name", "text", SMALL_TEXT_BYTES_MAX),
        (2, "bars_min", "uint", BARS_MAX),
        (3, "bars_max", "uint", BARS_MAX),
        (4, "layers", "records", (Layer, LAYERS_MAX)),
        (5, "nexts", "records", (Next, SECTIONS_MAX)),
        (6, "step_bars", "uint?", BARS_MAX),
        (7, "themes", "uints?", (THEMES_MAX - 1, THEMES_MAX)),
        (8, "exclusive", "uints?", (_ROLES_ALL, EXCLUSIVE_MAX)),
        (9, "tempo_mbpm", "uint?", TEMPO_MBPM_MAX),
    )

    name: str
    bars_min: int
    bars_max: int
    layers: "list[Layer]"
    nexts: "list[Next]"
    step_bars: "int | None"
    themes: "list[int] | None"
    exclusive: "list[int] | None"
    tempo_mbpm: "int | None"

    def fault(self) -> "str | None":
        if self.tempo_mbpm is not None and self.tempo_mbpm < TEMPO_MBPM_MIN:
            return "tempo_mbpm: expected at least %d" % TEMPO_MBPM_MIN
        if not 1 <= self.bars_min <= self.bars_max:
            return "bars: expected 1 <= min <= max"
        if self.step_bars == 0 or self.lengths()[1] < 1:
            return "step_bars: expected a multiple from min to max"
        if len({layer.lane for layer in self.layers}) != len(self.layers):
            return "layers: expected lanes to differ"
        return None

    def lengths(self) -> "tuple[int, int]":
        """(shortest, count): the bars it may last, `step_bars` apart."""
        step = self.step_bars or 1
        shortest = self.bars_min + -self.bars_min % step
        return shortest, (self.bars_max - shortest) // step + 1

    def voices(self) -> int:
        """Voices at most at once, without those of the section before, if no roles share theirs."""
        return sum([layer.voices() for layer in self.layers])


class Transition(Record):
    """How section `before` gives way to `after` (1-based; ANY = any): lengths of the two fades, in frames.

    at       when a section that is asked to leave does so: AT_ONCE (or absent), AT_BEAT, AT_BAR or AT_END
    via      a section (1-based) that is played between the two
    linear   fades are linear, not of equal power
    """

    NAME = "transition"
    FIELDS = (
        (1, "before", "uint", SECTIONS_MAX),
        (2, "after", "uint", SECTIONS_MAX),
        (3, "fade_out_frames", "uint", FADE_FRAMES_MAX),
        (4, "fade_in_frames", "uint", FADE_FRAMES_MAX),
        (5, "at", "uint?", AT_END),
        (6, "via", "uint?", SECTIONS_MAX),
        (7, "linear", "bool?", None),
    )

    before: int
    after: int
    fade_out_frames: int
    fade_in_frames: int
    at: "int | None"
    via: "int | None"
    linear: "bool | None"

    def applies(self, before: int, after: int) -> bool:
        """Whether this rule covers the step between two sections (0-based)."""
        return self.before in (ANY, before + 1) and self.after in (ANY, after + 1)

    def bridge(self, before: int, after: int) -> int:
        """Section (0-based) that stands between the two, or -1."""
        via = (self.via or 0) - 1
        return -1 if via in (before, after) else via
