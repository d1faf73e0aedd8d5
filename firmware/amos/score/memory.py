"""What a session starts from, and leaves for the next: learned weights and what was played lately."""

from array import array

from amos.compat import const
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import STEMS_MAX
from amos.protocol.record import U8, Record
from amos.score.score import Score, ScoreError
from amos.sound.limiter import UNITY_Q15

NONE = const(0xFFFF)
_WEIGHT_ONE = const(256)
WEIGHT_MIN = const(16)
WEIGHT_MAX = const(4096)
"""Learning stays within a sixteenth and sixteen times, so that no taste is final."""
BLOCKED = const(0)
"""The weight of a stem that is not drawn at all."""
AGE_UNIT_SECONDS = const(4)
"""Ages up to three days in 16 bits."""
MEMORY_VERSION = const(1)
MEMORY_BYTES_MAX = const(16384)


class Memory(Record):
    """What a session starts from.

    weights_q8   of each stem, 256 = 1; 0 is blocked
    recent       for each pool its latest stems, the newest first, filled up with 65535 to `score.history_depth()`
    ages         seconds / 4 since each stem began, 65535 = never; only when the score avoids stems by hours
    volume_q15   the operator's gain, if it is not unity
    """

    NAME = "memory"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "score", "bytes", 32),
        (3, "weights_q8", "H", STEMS_MAX),
        (4, "recent", "H", 4096),
        (5, "ages", "H?", STEMS_MAX),
        (6, "volume_q15", "uint?", UNITY_Q15),
    )

    version: int
    score: bytes
    weights_q8: "array[int]"
    recent: "array[int]"
    ages: "array[int] | None"
    volume_q15: "int | None"

    def fault(self) -> "str | None":
        return "volume_q15: expected 1 or more" if self.volume_q15 == 0 else None


def fresh(score: Score) -> Memory:
    """The memory of a first session."""
    return Memory(
        version=MEMORY_VERSION,
        score=score.sha256,
        weights_q8=array("H", [_WEIGHT_ONE] * score.stems),
        recent=_nothing(score.history_depth() * len(score.pools)),
        ages=_nothing(score.stems) if score.stem_seconds else None,
    )


def _nothing(count: int) -> "array[int]":
    return array("H", [NONE] * count)


def recall(score: Score, data: bytes) -> Memory:
    """What a session with `score` starts from after one that left `data`. Raises `ScoreError`.

    A script may have what was played forgotten when the player starts again; what was learned is not.
    """
    if len(data) > MEMORY_BYTES_MAX:
        raise ScoreError("memory: expected at most %d bytes, found %d" % (MEMORY_BYTES_MAX, len(data)))
    try:
        kept = Memory.decode(data)
    except ProtocolError as error:
        raise ScoreError(str(error))
    if kept.version != MEMORY_VERSION or kept.score != score.sha256:
        raise ScoreError("memory: expected version 1 and this score")
    blank = fresh(score)
    if len(kept.weights_q8) != score.stems or len(kept.recent) != len(blank.recent):
        raise ScoreError("memory: expected %d weights and %d plays" % (score.stems, len(blank.recent)))
    if len(kept.ages or ()) != len(blank.ages or ()):
        raise ScoreError("memory: expected ages of %d stems" % len(blank.ages or ()))
    for stem in kept.recent:
        if stem != NONE and stem >= score.stems:
            raise ScoreError("memory: expected stems below %d, found %d" % (score.stems, stem))
    if score.keep_history is False:
        kept.recent = blank.recent
        kept.ages = blank.ages
    return kept


def volume_q15_of(data: "bytes | None") -> int:
    """The operator's gain in what a session left, whatever its score: a pack does not turn the knob."""
    if not data or len(data) > MEMORY_BYTES_MAX:
        return UNITY_Q15
    try:
        return Memory.decode(data).volume_q15 or UNITY_Q15
    except ProtocolError:
        return UNITY_Q15
