"""Pickups of stems in frames of a script, and what becomes of them where a layer begins."""

from array import array
from collections.abc import Sequence
from fractions import Fraction

from amos.score.score import Layer
from amos_tools.pack.conform import can_conform
from amos_tools.pickups import pickup_of
from amos_tools.script import tree
from amos_tools.script.own_clocks import Row
from amos_tools.script.problems import Problems
from amos_tools.script.units import ClockFacts
from amos_tools.stems import StemFacts


def pickup_frames(stem: StemFacts, clock: ClockFacts) -> int:
    """Frames from the stem's beginning to its first downbeat, once the pack builder has brought it to the tempo."""
    plan = can_conform(stem, clock.tempo_mbpm, None)
    length = Fraction(1) if plan is None else plan.length
    return int(pickup_of(stem) * length * clock.rate_hz)


def pickups_of(table: Sequence[Row], played: set[int]) -> "array[int] | None":
    """Of each stem, 0 for those that are not `played` from a pool; None where no stem has any."""
    frames = [pickup_frames(row.stem, row.clock) if index in played else 0 for index, row in enumerate(table)]
    return array("I", frames) if any(frames) else None


class Pickups:
    """Looks at the layers of one script."""

    def __init__(self, clock: ClockFacts, problems: Problems):
        self._clock = clock
        self._problems = problems
        self._seen: set[tuple[str, str]] = set()

    def any(self, stems: Sequence[StemFacts]) -> bool:
        """Whether one of them begins before its downbeat, so that it may begin under the one before it."""
        return any(pickup_of(stem) for stem in stems)

    def check(self, play: tree.Play, layer: Layer, section: str, stems: Sequence[StemFacts]) -> None:
        """Note what keeps the pickups of `stems` from being heard."""
        pickups = [(pickup_frames(stem, self._clock), stem) for stem in stems]
        longest, stem = max(pickups, key=lambda item: item[0], default=(0, None))
        if not longest or stem is None:
            return
        options = {option.kind: option for option in play.options}
        if layer.strokes is not None:
            self._problems.warn(play.pool.span, f"“{stem.title}” has a pickup; a pattern strikes it at its beginning")
            return
        if "cue" in options:
            message = "stems of the pool say where their downbeats are, so this `cue` is of none"
            self._problems.warn(options["cue"].span, message)
        self._check_lengths(play, pickups)
        beat_frames = Fraction(self._clock.rate_hz * 60_000, self._clock.tempo_mbpm)
        entry = int(layer.enter_beats * beat_frames)
        where = (play.pool.value, play.role.value)
        if entry < longest and where not in self._seen:
            self._seen.add(where)
            need = -(-longest // int(beat_frames)) + 1
            self._problems.warn(
                play.pool.span,
                f"“{stem.title}” begins {longest / self._clock.rate_hz:.2f} s before its downbeat; where section "
                f"`{section}` begins it comes in at that, without its pickup",
                notes=[f"`enter beat {need}` lets the pickup be heard"],
            )

    def _check_lengths(self, play: tree.Play, pickups: Sequence[tuple[int, StemFacts]]) -> None:
        for frames, stem in pickups:
            length = stem.frames * self._clock.rate_hz // stem.rate_hz
            if frames * 2 > length:
                seconds = f"{frames / self._clock.rate_hz:.2f} s"
                self._problems.error(
                    play.pool.span,
                    f"“{stem.title}” has its first downbeat after {seconds}, and lasts "
                    f"{length / self._clock.rate_hz:.2f} s",
                    expected=["a pickup of at most half of the stem, in its sidecar (`amos vault edit`)"],
                )
