"""The score: what a script compiles to, as the player reads it. SCORE.md beside this file is the reference.

`decode_score` refuses anything the VM could not run to the end: unknown indexes, unchecked expressions, fades that
outlast a section and voices beyond the budget are all found here, before the first frame.
"""

from hashlib import sha256

from amos.compat import const
from amos.protocol.cbor import loads
from amos.protocol.limits import SCORE_BYTES_MAX, SMALL_TEXT_BYTES_MAX, STEMS_MAX
from amos.protocol.record import U8, U64, Record
from amos.score.parts import (
    ANY,
    AT_BAR,
    AT_BEAT,
    AT_END,
    AT_ONCE,
    BARS_MAX,
    EXCLUSIVE_MAX,
    FADE_FRAMES_MAX,
    GRID_BEATS_MAX,
    LAYERS_MAX,
    POOLS_MAX,
    ROLE_MAX,
    SECTIONS_MAX,
    SHIFTS_MAX,
    SLEW_FRAMES_MAX,
    TEMPO_MBPM_MAX,
    TEMPO_MBPM_MIN,
    THEMES_MAX,
    VOICES_MAX,
    Layer,
    Next,
    Pool,
    ScoreError,
    ScoreSection,
    Slider,
    StemSet,
    Transition,
)
from amos.score.rules import Announcement, Daypart, Hit, Reaction, RenderPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

__all__ = (
    "ANY", "AT_BAR", "AT_BEAT", "AT_END", "AT_ONCE", "BARS_MAX", "EXCLUSIVE_MAX", "FADE_FRAMES_MAX", "GRID_BEATS_MAX",
    "LAYERS_MAX", "POOLS_MAX", "SECTIONS_MAX", "SHIFTS_MAX", "SLEW_FRAMES_MAX", "TEMPO_MBPM_MAX", "TEMPO_MBPM_MIN",
    "THEMES_MAX", "VOICES_MAX", "Announcement", "Daypart", "Hit", "Layer", "Next", "Pool", "Reaction", "RenderPlan",
    "Score", "ScoreError", "ScoreSection", "Slider", "StemSet", "Transition", "decode_score",
)  # fmt: skip

VERSION = 4
VERSION_3 = 3
VERSION_2 = 2
VERSION_1 = 1
"""A score is of the lowest version that knows all of its fields: so it plays as it always did, on every player."""

SLIDERS_MAX = 32
TRANSITIONS_MAX = 64
_REACTIONS_MAX = const(4)
DAYPARTS_MAX = 128
DAY_SECTIONS_MAX = 64
DAY_SECTION_FIELDS = 4
DAY_VOLUMES_MAX = 128
DAY_VOLUME_FIELDS = 5
_DAY_SLIDER_NUMBERS_MAX = const(128 * 6)
ANNOUNCEMENTS_MAX = 32
RENDERS_MAX = 16
_EDGE_FRAMES_MAX = const(1024)
"""A fraction of the shortest beat."""
RATES_HZ = (48000, 44100, 22050)
AVOID_PLAYS_MAX = 64
HISTORY_MAX = 4096
"""Plays remembered, over all pools: 16 KB of a board's heap."""
AVOID_SECONDS_MAX = 72 * 3600

RELAX_ARTIST = 0
RELAX_HOURS = 1
RELAX_PLAYS = 2
RELAX_KEY = 3
RELAX_TEMPO = 4


class Score(Record):
    """A whole score. `sha256` is of the bytes it was decoded from.

    seed            fixed by the script; absent: the session's
    stem_plays      a stem is not drawn again within so many plays of its pool (absent: 1)
    stem_seconds    nor within so many seconds of its last start
    artist_plays    nor is its artist within so many plays of the pool
    keep_history    false: plays are forgotten when the player starts again
    relax           RELAX_* in the order in which rules give way when nothing is left to choose
    artists         a number for the artist of each stem; present when any rule asks for it
    beats           of each stem that is a loop of the score's clock, its length in beats; 0 for the others. Version 2
    themes          stems that belong together. Version 2
    exclusive       bits of roles that never sound at once. Version 2
    shifts          where loops join the phrases of layers, for their chords to agree. Version 2
    variants        of each stem, the first that is the same in another tempo or key: itself, or a neighbour. Version 2
    pickups         of each stem, frames from its beginning to its first downbeat. Version 2
    day_sections    four numbers each: days, minutes from and until, and the section that these lead to. Version 2
    day_volumes     five each: days, minutes, and by how many hundredths of a dB all is down there. Version 2
    seams           what is no loop comes in at once where a loop has rung out. Version 3
    day_sliders     six each: days, minutes, a slider, and its position there and there. Version 4
    """

    NAME = "score"
    KEYS_OF_1 = 28
    KEYS_OF_2 = 45
    KEYS_OF_3 = 46
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
        (10, "edge_in_frames", "uint", _EDGE_FRAMES_MAX),
        (11, "edge_out_frames", "uint", _EDGE_FRAMES_MAX),
        (12, "sliders", "records", (Slider, SLIDERS_MAX)),
        (13, "pools", "records", (Pool, POOLS_MAX)),
        (14, "sections", "records", (ScoreSection, SECTIONS_MAX)),
        (15, "transitions", "records", (Transition, TRANSITIONS_MAX)),
        (16, "seed", "uint?", U64),
        (17, "stem_plays", "uint?", AVOID_PLAYS_MAX),
        (18, "stem_seconds", "uint?", AVOID_SECONDS_MAX),
        (19, "artist_plays", "uint?", AVOID_PLAYS_MAX),
        (20, "keep_history", "bool?", None),
        (21, "relax", "uints?", (RELAX_TEMPO, RELAX_TEMPO + 1)),
        (22, "artists", "H?", STEMS_MAX),
        (23, "reactions", "records?", (Reaction, _REACTIONS_MAX)),
        (24, "dayparts", "records?", (Daypart, DAYPARTS_MAX)),
        (25, "announcements", "records?", (Announcement, ANNOUNCEMENTS_MAX)),
        (26, "duck_gain_q15", "uint?", 32768),
        (27, "duck_ramp_frames", "uint?", FADE_FRAMES_MAX),
        (28, "renders", "records?", (RenderPlan, RENDERS_MAX)),
        (29, "beats", "H?", STEMS_MAX),
        (30, "themes", "records?", (StemSet, THEMES_MAX)),
        (31, "exclusive", "uints?", ((2 << ROLE_MAX) - 1, EXCLUSIVE_MAX)),
        (32, "shifts", "records?", (StemSet, SHIFTS_MAX)),
        (33, "variants", "H?", STEMS_MAX),
        (40, "pickups", "I?", STEMS_MAX),
        (44, "day_sections", "H?", DAY_SECTIONS_MAX * DAY_SECTION_FIELDS),
        (45, "day_volumes", "H?", DAY_VOLUMES_MAX * DAY_VOLUME_FIELDS),
        (46, "seams", "bool?", None),
        (47, "day_sliders", "H?", _DAY_SLIDER_NUMBERS_MAX),
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
    seed: "int | None"
    stem_plays: "int | None"
    stem_seconds: "int | None"
    artist_plays: "int | None"
    keep_history: "bool | None"
    relax: "list[int] | None"
    artists: "array[int] | None"
    reactions: "list[Reaction] | None"
    dayparts: "list[Daypart] | None"
    announcements: "list[Announcement] | None"
    duck_gain_q15: "int | None"
    duck_ramp_frames: "int | None"
    renders: "list[RenderPlan] | None"
    beats: "array[int] | None"
    themes: "list[StemSet] | None"
    exclusive: "list[int] | None"
    shifts: "list[StemSet] | None"
    variants: "array[int] | None"
    pickups: "array[int] | None"
    day_sections: "array[int] | None"
    day_volumes: "array[int] | None"
    seams: "bool | None" = None
    day_sliders: "array[int] | None" = None
    sha256: bytes

    def fault(self) -> "str | None":
        from amos.score.checks import score_fault

        return score_fault(self)

    def music_voices(self) -> int:
        """Voices for the layers: announcements have the last one to themselves."""
        for item in self.announcements or ():
            if item.stem is not None:
                return self.voices - 1
        return self.voices

    def history_depth(self) -> int:
        """Plays remembered for each pool."""
        return max(1 if self.stem_plays is None else self.stem_plays, self.artist_plays or 0, 1)

    def frames_min(self, section: ScoreSection) -> int:
        """Frames the section lasts at least."""
        return section.bars_min * self.beats_per_bar * self.rate_hz * 60_000 // self.tempo_of(section)

    def tempo_of(self, section: ScoreSection) -> int:
        """Thousandths of a beat a minute while the section plays."""
        return section.tempo_mbpm or self.tempo_mbpm

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
        item = loads(data)
        if isinstance(item, dict) and item.get(1) not in (VERSION_1, VERSION_2, VERSION_3, VERSION):
            # Before any field that only a later version has.
            raise ScoreError("version: expected 1 to %d, found %s" % (VERSION, item.get(1)))
        score = Score.from_map(item)
    except ScoreError:
        raise
    except ValueError as error:
        raise ScoreError(str(error))
    score.sha256 = sha256(data).digest()
    return score
