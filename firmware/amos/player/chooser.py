"""Which stem next: weighted draws from pools, without immediate repeats and without a stem twice at once.

A rule that leaves nothing to choose is relaxed, repeats first, and counted; a layer is never silent because of a rule.
"""

from array import array

from amos.compat import const
from amos.player.draw import below
from amos.player.score import Score, ScoreError
from amos.protocol.errors import ProtocolError
from amos.protocol.record import U8, Record

NONE = const(0xFFFF)
WEIGHT_ONE = const(256)
MEMORY_VERSION = const(1)


class Memory(Record):
    """What a session starts from: the score it belongs to, a weight (Q8) for each stem, the last stem of each pool."""

    NAME = "memory"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "score", "bytes", 32),
        (3, "weights_q8", "H", 1024),
        (4, "last", "H", 256),
    )

    version: int
    score: bytes
    weights_q8: "array[int]"
    last: "array[int]"


class Chooser:
    """Draws stems for the layers of one session. `memory`: what `memory_bytes` of an earlier session gave, or None."""

    def __init__(self, score: Score, memory: "bytes | None" = None):
        self.score = score
        self.relaxed_repeats = 0
        self.relaxed_doubles = 0
        if memory is None:
            self.weights_q8 = array("H", [WEIGHT_ONE] * score.stems)
            self.last = array("H", [NONE] * len(score.pools))
        else:
            kept = self._read(memory)
            self.weights_q8 = kept.weights_q8
            self.last = kept.last

    def _read(self, data: bytes) -> Memory:
        try:
            kept = Memory.decode(data)
        except ProtocolError as error:
            raise ScoreError(str(error))
        score = self.score
        if kept.version != MEMORY_VERSION or kept.score != score.sha256:
            raise ScoreError("memory: expected version 1 and this score")
        if len(kept.weights_q8) != score.stems or len(kept.last) != len(score.pools):
            raise ScoreError("memory: expected %d weights and %d pools" % (score.stems, len(score.pools)))
        return kept

    def memory_bytes(self) -> bytes:
        """Canonical CBOR of what the next session may start from."""
        return Memory(
            version=MEMORY_VERSION, score=self.score.sha256, weights_q8=self.weights_q8, last=self.last
        ).encode()

    def choose(self, pool: int, sounding: "set[int]", value: int) -> int:
        """A stem of `pool` by the 64-bit draw `value`; `sounding` are the stems heard at that frame."""
        stems = self.score.pools[pool].stems
        last = self.last[pool]
        candidates = [stem for stem in stems if stem != last and stem not in sounding]
        if not candidates:
            candidates = [stem for stem in stems if stem not in sounding]
            self.relaxed_repeats += 1
        if not candidates:
            candidates = [stem for stem in stems if stem != last] or stems
            self.relaxed_doubles += 1
        stem = candidates[weighted([self.weights_q8[stem] for stem in candidates], value)]
        self.last[pool] = stem
        return stem


def weighted(weights: "list[int]", value: int) -> int:
    """Index drawn in proportion to `weights` (not negative); evenly if all are 0."""
    total = sum(weights)
    if not total:
        return below(value, len(weights))
    rest = below(value, total)
    for index, weight in enumerate(weights):
        if rest < weight:
            return index
        rest -= weight
    raise ScoreError("weights: expected a draw below their sum")
