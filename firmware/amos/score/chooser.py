"""Which stem next: weighted draws from pools, under the script's rules about what was played lately.

A rule that leaves nothing to choose is relaxed, in the order the script declares, and counted; a layer is never silent
because of such a rule. Only a block holds always.
"""

from array import array

from amos.compat import const
from amos.score.draw import below
from amos.score.memory import (
    AGE_UNIT_SECONDS,
    BLOCKED,
    MEMORY_VERSION,
    NONE,
    WEIGHT_MAX,
    WEIGHT_MIN,
    Memory,
    fresh,
    recall,
)
from amos.score.score import (
    RELAX_ARTIST,
    RELAX_HOURS,
    RELAX_KEY,
    RELAX_PLAYS,
    RELAX_TEMPO,
    Layer,
    Score,
    ScoreError,
)
from amos.sound.limiter import UNITY_Q15

RELAX_DOUBLE = const(5)
"""A stem that sounds already sounds twice; the last thing given up."""
_STARVED = const(6)
"""Every stem of the pool is blocked."""
RELAX_THEME = const(7)
"""The theme of the visit has none for the layer, or too few (`themes.py`)."""
RULE_NAMES = ("artist", "stem.hours", "stem.plays", "key", "tempo", "double", "blocked", "theme")
DEFAULT_RELAX = (RELAX_ARTIST, RELAX_HOURS, RELAX_PLAYS)
"""Rules the script says nothing about give way in this order, after those it names; key and tempo never do."""
_LONG_AGO = const(-0x20000000)


class Choice:
    """Why a stem was chosen: what stood for choice, what was drawn, which rules had to give way, and the theme or -1.

    Or why none was: `kept_back`, one of the reasons of `ensemble.py`, while the roles of the bits `sounding` sounded.

    The VM fills in where: `frame`, `visit`, `section`, `layer` (index in it), `number` of the draw in its lane.
    """

    __slots__ = (
        "candidates",
        "frame",
        "kept_back",
        "layer",
        "number",
        "pool",
        "relaxed",
        "section",
        "sounding",
        "stem",
        "theme",
        "value",
        "visit",
        "weights",
    )

    def __init__(self, pool: int, candidates, weights, relaxed, value: int, stem: int):
        self.pool = pool
        self.candidates = candidates
        self.weights = weights
        self.relaxed = relaxed
        self.value = value
        self.stem = stem
        self.theme = -1
        self.kept_back = self.sounding = 0
        self.frame = self.visit = self.section = self.layer = self.number = 0


class Chooser:
    """Draws stems for the layers of one session. `memory`: what `memory_bytes` of an earlier session gave, or None.

    `relaxed[rule]` counts the choices for which a rule gave way. With `explain`, `last` is the latest `Choice`.
    """

    def __init__(self, score: Score, memory: "bytes | None" = None):
        self.score = score
        self.relaxed = [0] * len(RULE_NAMES)
        self.explain = False
        self.last = Choice(0, [], [], [], 0, NONE)
        kept = fresh(score) if memory is None else recall(score, memory)
        self.weights_q8 = kept.weights_q8
        # Weight of each stem withdrawn in this session: a later list or pack may bring it back as it was.
        self._withdrawn: dict = {}
        self._depth = score.history_depth()
        self._recent = []
        for pool in range(len(score.pools)):
            plays = kept.recent[pool * self._depth : (pool + 1) * self._depth]
            self._recent.append([stem for stem in plays if stem != NONE])
        # Pools in which there is an artist to change to.
        self._mixed = [_artists_of(score, pool) > 1 for pool in score.pools]
        self._plays = 1 if score.stem_plays is None else score.stem_plays
        self._seconds = score.stem_seconds or 0
        # Second of the session at which each stem last began; negative: before the session.
        self._began = None
        if kept.ages is not None:
            self._began = array("i", [_LONG_AGO if age == NONE else -age * AGE_UNIT_SECONDS for age in kept.ages])
        order = list(score.relax or ())
        order.extend([rule for rule in DEFAULT_RELAX if rule not in order])
        self._order = [rule for rule in order if self._in_force(rule)]

    def _in_force(self, rule: int) -> bool:
        if rule == RELAX_ARTIST:
            return bool(self.score.artist_plays)
        if rule == RELAX_PLAYS:
            return bool(self._plays)
        return bool(self._seconds) if rule == RELAX_HOURS else True

    def memory_bytes(self, frame: int = 0, volume_q15: int = UNITY_Q15) -> bytes:
        """Canonical CBOR of what the next session may start from, if this one ends at `frame`, at that volume."""
        recent = array("H", [])
        for plays in self._recent:
            recent.extend(array("H", plays + [NONE] * (self._depth - len(plays))))
        ages = None
        if self._began is not None:
            now = frame // self.score.rate_hz
            ages = array("H", [min(NONE, (now - began) // AGE_UNIT_SECONDS) for began in self._began])
        weights_q8 = array("H", self.weights_q8)
        for stem in self._withdrawn:
            weights_q8[stem] = self._withdrawn[stem]
        return Memory(
            version=MEMORY_VERSION,
            score=self.score.sha256,
            weights_q8=weights_q8,
            recent=recent,
            ages=ages,
            volume_q15=None if volume_q15 == UNITY_Q15 else volume_q15,
        ).encode()

    def choose(self, layer: Layer, sounding: "set[int]", value: int, frame: int) -> int:
        """A stem for `layer` by the 64-bit draw `value`, or NONE with all blocked; `sounding` are heard at `frame`."""
        pool = layer.pool
        found, relaxed = self._standing(layer, sounding, frame)
        for rule in relaxed:
            self.relaxed[rule] += 1
        weights = [self.weights_q8[stem] for stem in found]
        stem = found[weighted(weights, value)] if found else NONE
        if self.explain:
            self.last = Choice(pool, found, weights, relaxed, value, stem)
        if stem != NONE:
            self._remember(pool, stem, frame)
        return stem

    def unblocked(self, layer: Layer) -> list:
        """Stems that a stroke of `layer` is drawn from."""
        return [stem for stem in self.score.pools[layer.pool].stems if self.weights_q8[stem] != BLOCKED]

    def _standing(self, layer: Layer, sounding, frame: int) -> "tuple[list, list]":
        """What stands for choice, and the rules that gave way for it."""
        found = self._candidates(layer.pool, sounding, frame, [], self._plays)
        return (found, []) if found else self._relax(layer.pool, sounding, frame)

    def _relax(self, pool: int, sounding, frame: int) -> "tuple[list, list]":
        """What stands for choice once enough rules have given way, and those rules."""
        relaxed = []
        plays = self._plays
        for rule in self._order:
            if rule >= RELAX_KEY and not self._wider(pool, rule):
                continue
            if rule == RELAX_ARTIST and not self._mixed[pool]:
                continue
            relaxed.append(rule)
            found = []
            if rule == RELAX_PLAYS:
                # By halves: what was played longest ago comes first, and still by chance.
                while plays and not found:
                    plays >>= 1
                    found = self._candidates(pool, sounding, frame, relaxed, plays)
            else:
                found = self._candidates(pool, sounding, frame, relaxed, plays)
            if found:
                return found, relaxed
        relaxed.append(RELAX_DOUBLE)
        found = self._doubles(pool)
        return found, relaxed if found else [_STARVED]

    def _wider(self, pool: int, rule: int):
        held = self.score.pools[pool]
        return (held.off_key if rule == RELAX_KEY else held.off_tempo) or ()

    def _candidates(self, pool: int, sounding, frame: int, relaxed: list, plays: int) -> list:
        """Stems that no rule but those `relaxed` keeps out, nor the pool's latest `plays`."""
        recent = self._recent[pool]
        stems = self.score.pools[pool].stems
        for rule in (RELAX_KEY, RELAX_TEMPO):
            if rule in relaxed:
                stems = list(stems) + list(self._wider(pool, rule))
        out = sounding.union(recent[:plays])
        weights = self.weights_q8
        found = [stem for stem in stems if stem not in out and weights[stem] != BLOCKED]
        if self.score.artist_plays and self._mixed[pool] and RELAX_ARTIST not in relaxed:
            artists = self.score.artists or ()
            lately = {artists[stem] for stem in recent[: self.score.artist_plays]}
            found = [stem for stem in found if artists[stem] not in lately]
        if self._began is not None and RELAX_HOURS not in relaxed:
            since = frame // self.score.rate_hz - self._seconds
            began = self._began
            found = [stem for stem in found if began[stem] <= since]
        return found

    def _doubles(self, pool: int) -> list:
        """With every rule given up: anything but the pool's last stem, or else that too."""
        stems = [stem for stem in self.score.pools[pool].stems if self.weights_q8[stem] != BLOCKED]
        last = self._recent[pool][:1]
        return [stem for stem in stems if stem not in last] or stems

    def _remember(self, pool: int, stem: int, frame: int) -> None:
        recent = self._recent[pool]
        recent.insert(0, stem)
        if len(recent) > self._depth:
            recent.pop()
        if self._began is not None:
            self._began[stem] = frame // self.score.rate_hz

    def learn(self, stem: int, factor_q8: int) -> None:
        """Multiply a stem's weight, within bounds; a blocked one stays blocked."""
        weight = self.weights_q8[stem]
        if weight != BLOCKED:
            self.weights_q8[stem] = max(WEIGHT_MIN, min(WEIGHT_MAX, (weight * factor_q8 + 128) >> 8))

    def block(self, stem: int) -> None:
        """Never draw `stem` again, in this session and later ones."""
        self.weights_q8[stem] = BLOCKED
        self._withdrawn.pop(stem, None)

    def withdraw(self, stem: int) -> None:
        """Never draw `stem` again in this session. Nobody disliked it, so the memory of tastes stays as it is."""
        if self.weights_q8[stem] != BLOCKED:
            self._withdrawn[stem] = self.weights_q8[stem]
            self.weights_q8[stem] = BLOCKED

    def block_artist(self, stem: int) -> None:
        """Never draw a stem by the artist of `stem` again."""
        artists = self.score.artists
        if artists is None:
            self.block(stem)
            return
        for other, artist in enumerate(artists):
            if artist == artists[stem]:
                self.block(other)


def _artists_of(score: Score, pool) -> int:
    artists = score.artists
    return len({artists[stem] for stem in pool.stems}) if artists is not None else 0


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
