"""The score: what a script compiles to, as the player reads it. SCORE.md beside this file is the reference.

`decode_score` refuses anything the VM could not run to the end: unknown indexes, unchecked expressions, fades that
outlast a section and voices beyond the budget are all found here, before the first frame.
"""

from array import array
from hashlib import sha256

from amos.player.expression import CODE_WORDS_MAX, fault
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SCORE_BYTES_MAX, SMALL_TEXT_BYTES_MAX, STEMS_MAX
from amos.protocol.record import U8, U16, U32, Record

VERSION = 1

SECTIONS_MAX = 64
"""The next-matrix stays readable, and a board holds it."""
LAYERS_MAX = 32
"""More layers than voices could never sound."""
VOICES_MAX = 32
"""Sums of 32 voices keep ten fractional bits in 32 bits (DESIGN section 5)."""
POOLS_MAX = 256
SLIDERS_MAX = 32
TRANSITIONS_MAX = 64
BARS_MAX = 4096
"""Over two hours at 120 bpm in 4/4."""
GRID_BEATS_MAX = 4096
FADE_FRAMES_MAX = 1 << 24
"""Almost six minutes at 48 kHz."""
EDGE_FRAMES_MAX = 1024
"""A fraction of the shortest beat."""
RATES_HZ = (48000, 44100, 22050)
TEMPO_MBPM_MIN = 20_000
TEMPO_MBPM_MAX = 400_000
SLIDER_Q15_MAX = 1000 << 15
"""Sliders run within -1000 .. 1000."""
ANY = 0
"""In a transition: any section. Sections are counted from 1 there."""


class ScoreError(ProtocolError):
    """A score is not what SCORE.md says, or does not fit the pack it came with."""


class Slider(Record):
    """A value from outside, `lo_q15` .. `hi_q15`; `start_q15` is its position between them, 0 .. 32768."""

    NAME = "slider"
    FIELDS = (
        (1, "name", "text", SMALL_TEXT_BYTES_MAX),
        (2, "lo_q15", "int", SLIDER_Q15_MAX),
        (3, "hi_q15", "int", SLIDER_Q15_MAX),
        (4, "start_q15", "uint", 32768),
    )

    name: str
    lo_q15: int
    hi_q15: int
    start_q15: int

    def fault(self) -> "str | None":
        return None if self.lo_q15 < self.hi_q15 else "lo: expected less than hi"

    def value(self, position_q15: int) -> int:
        """The slider's value in Q15 at a position of 0 .. 32768."""
        return self.lo_q15 + ((self.hi_q15 - self.lo_q15) * position_q15 >> 15)


class Pool(Record):
    """Stems a layer may draw, as ascending indexes into the pack's stem table."""

    NAME = "pool"
    FIELDS = ((1, "stems", "H", STEMS_MAX),)

    stems: "array[int]"

    def fault(self) -> "str | None":
        previous = -1
        for stem in self.stems:
            if stem <= previous:
                return "stems: expected ascending"
            previous = stem
        return None if len(self.stems) else "stems: expected at least one"


class Layer(Record):
    """One `play`: keeps up to `count` stems of a pool sounding while its section lasts."""

    NAME = "layer"
    FIELDS = (
        (1, "role", "uint", 6),
        (2, "pool", "uint", POOLS_MAX - 1),
        (3, "lane", "uint", U32 - 1),
        (4, "count_min", "uint", VOICES_MAX),
        (5, "count_max", "uint", VOICES_MAX),
        (6, "grid_beats", "uint", GRID_BEATS_MAX),
        (7, "enter_beats", "uint", U16),
        (8, "gain_q15", "uint", 32768),
        (9, "fade_frames", "uint", FADE_FRAMES_MAX),
        (10, "chance", "i?", CODE_WORDS_MAX),
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
    chance: "array[int] | None"

    def fault(self) -> "str | None":
        if not self.count_min <= self.count_max or not self.count_max:
            return "count: expected min <= max and at least 1"
        return None if self.grid_beats else "grid_beats: expected at least 1"

    def voices(self) -> int:
        """Voices at most at once: stems that fade into one another overlap in pairs."""
        return self.count_max * (2 if self.fade_frames else 1)


class Next(Record):
    """A section that may follow, with its weight and condition (expressions)."""

    NAME = "next"
    FIELDS = (
        (1, "section", "uint", SECTIONS_MAX - 1),
        (2, "weight", "i", CODE_WORDS_MAX),
        (3, "when", "i?", CODE_WORDS_MAX),
    )

    section: int
    weight: "array[int]"
    when: "array[int] | None"


class ScoreSection(Record):
    """A section of `bars_min` .. `bars_max` bars. Without `nexts` it follows itself."""

    NAME = "section"
    FIELDS = (
        (1, "name", "text", SMALL_TEXT_BYTES_MAX),
        (2, "bars_min", "uint", BARS_MAX),
        (3, "bars_max", "uint", BARS_MAX),
        (4, "layers", "records", (Layer, LAYERS_MAX)),
        (5, "nexts", "records", (Next, SECTIONS_MAX)),
    )

    name: str
    bars_min: int
    bars_max: int
    layers: "list[Layer]"
    nexts: "list[Next]"

    def fault(self) -> "str | None":
        if not 1 <= self.bars_min <= self.bars_max:
            return "bars: expected 1 <= min <= max"
        if len({layer.lane for layer in self.layers}) != len(self.layers):
            return "layers: expected lanes to differ"
        return None

    def voices(self) -> int:
        """Voices at most at once, without those of the section before."""
        return sum([layer.voices() for layer in self.layers])


class Transition(Record):
    """How section `before` gives way to `after` (1-based; ANY = any): lengths of the two fades, in frames."""

    NAME = "transition"
    FIELDS = (
        (1, "before", "uint", SECTIONS_MAX),
        (2, "after", "uint", SECTIONS_MAX),
        (3, "fade_out_frames", "uint", FADE_FRAMES_MAX),
        (4, "fade_in_frames", "uint", FADE_FRAMES_MAX),
    )

    before: int
    after: int
    fade_out_frames: int
    fade_in_frames: int

    def applies(self, before: int, after: int) -> bool:
        """Whether this rule covers the step between two sections (0-based)."""
        return self.before in (ANY, before + 1) and self.after in (ANY, after + 1)


class Score(Record):
    """A whole score. `sha256` is of the bytes it was decoded from."""

    NAME = "score"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "name", "text", SMALL_TEXT_BYTES_MAX),
        (3, "rate_hz", "uint", 48000),
        (4, "tempo_mbpm", "uint", TEMPO_MBPM_MAX),
        (5, "beats_per_bar", "uint", 64),
        (6, "voices", "uint", VOICES_MAX),
        (7, "stems", "uint", STEMS_MAX),
        (8, "target_mlufs", "int", 70_000),
        (9, "peak_mdb", "int", 70_000),
        (10, "edge_in_frames", "uint", EDGE_FRAMES_MAX),
        (11, "edge_out_frames", "uint", EDGE_FRAMES_MAX),
        (12, "sliders", "records", (Slider, SLIDERS_MAX)),
        (13, "pools", "records", (Pool, POOLS_MAX)),
        (14, "sections", "records", (ScoreSection, SECTIONS_MAX)),
        (15, "transitions", "records", (Transition, TRANSITIONS_MAX)),
    )

    version: int
    name: str
    rate_hz: int
    tempo_mbpm: int
    beats_per_bar: int
    voices: int
    stems: int
    target_mlufs: int
    peak_mdb: int
    edge_in_frames: int
    edge_out_frames: int
    sliders: "list[Slider]"
    pools: "list[Pool]"
    sections: "list[ScoreSection]"
    transitions: "list[Transition]"
    sha256: bytes

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if self.rate_hz not in RATES_HZ:
            return "rate_hz: expected 48000, 44100 or 22050, found %d" % self.rate_hz
        if self.tempo_mbpm < TEMPO_MBPM_MIN or not self.beats_per_bar or not self.voices:
            return "tempo, beats and voices: expected at least 20000, 1 and 1"
        if not self.sections or not self.transitions:
            return "sections and transitions: expected at least one of each"
        last = self.transitions[-1]
        if last.before != ANY or last.after != ANY:
            return "transitions: expected the last to cover any step"
        for pool in self.pools:
            if pool.stems[-1] >= self.stems:
                return "pools: expected stems below %d, found %d" % (self.stems, pool.stems[-1])
        for rule in self.transitions:
            if rule.before > len(self.sections) or rule.after > len(self.sections):
                return "transitions: expected sections that exist"
        for section in self.sections:
            fault_text = self._section_fault(section)
            if fault_text:
                return "section %s: %s" % (section.name, fault_text)
        return self._step_fault()

    def _section_fault(self, section: ScoreSection):
        for layer in section.layers:
            if layer.pool >= len(self.pools):
                return "pool: expected below %d, found %d" % (len(self.pools), layer.pool)
            reason = layer.chance is not None and fault(layer.chance, len(self.sliders))
            if reason:
                return "chance: " + reason
        for item in section.nexts:
            if item.section >= len(self.sections):
                return "next: expected a section below %d, found %d" % (len(self.sections), item.section)
            reason = fault(item.weight, len(self.sliders))
            if not reason and item.when is not None:
                reason = fault(item.when, len(self.sliders))
            if reason:
                return "next: " + reason
        return None

    def _step_fault(self):
        """Fades end within the section they lead into, so at most two sections sound at once; both fit the voices."""
        for index, section in enumerate(self.sections):
            alone = section.voices()
            if alone > self.voices:
                return "section %s: expected at most %d voices, found %d" % (section.name, self.voices, alone)
            for after in {item.section for item in section.nexts} or {index}:
                following = self.sections[after]
                if self.transition(index, after).fade_out_frames > self.frames_min(following):
                    return "section %s: expected to outlast the fade into it" % following.name
                if after != index and alone + following.voices() > self.voices:
                    return "sections %s and %s: expected at most %d voices together, found %d" % (
                        section.name,
                        following.name,
                        self.voices,
                        alone + following.voices(),
                    )
        return None

    def frames_min(self, section: ScoreSection) -> int:
        """Frames the section lasts at least."""
        return section.bars_min * self.beats_per_bar * self.rate_hz * 60_000 // self.tempo_mbpm

    def transition(self, before: int, after: int) -> Transition:
        """The first rule that covers the step between two sections (0-based); specific rules come first."""
        for rule in self.transitions:
            if rule.applies(before, after):
                return rule
        raise ScoreError("transitions: expected a rule for every step")


def decode_score(data: bytes) -> Score:
    """The score in `data`, checked whole. Raises `ScoreError` for anything SCORE.md does not allow."""
    if len(data) > SCORE_BYTES_MAX:
        raise ScoreError("score: expected at most %d bytes, found %d" % (SCORE_BYTES_MAX, len(data)))
    try:
        score = Score.decode(data)
    except ScoreError:
        raise
    except ValueError as error:
        raise ScoreError(str(error))
    score.sha256 = sha256(data).digest()
    return score
