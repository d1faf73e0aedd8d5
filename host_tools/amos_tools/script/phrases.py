"""Warnings about loops that cannot keep the phrases of their section, as a layer is written."""

import math
from collections.abc import Sequence

from amos.score.score import Layer
from amos_tools.script import tree
from amos_tools.script.loops import half_beats, rings_out, script_beats
from amos_tools.script.problems import Problems, Span
from amos_tools.script.units import ClockFacts
from amos_tools.stems import StemFacts

_NAMED_MAX = 3


class Phrases:
    """Looks at the layers of one script. A pool is named for its loops once, whatever plays it."""

    def __init__(self, clock: ClockFacts, problems: Problems):
        self._clock = clock
        self._problems = problems
        self._seen: set[tuple[str, str]] = set()

    def check(self, play: tree.Play, layer: Layer, stems: Sequence[StemFacts]) -> None:
        """Warn of what in `play` keeps loops of `stems` from the section's phrases."""
        beats = sorted({script_beats(stem, self._clock) for stem in stems} - {0})
        options = {option.kind: option for option in play.options}
        pool = (play.pool.value, play.role.value)
        if pool not in self._seen:
            self._seen.add(pool)
            self._check_pool(play, stems)
        if beats:
            every_one = all(script_beats(stem, self._clock) for stem in stems)
            self._check_points(play.pool.span, options, layer, beats, every_one)

    def step_bars(self, stems: Sequence[StemFacts], bars: tuple[int, int], span: Span) -> int | None:
        """The longest phrases that end with a section of so many bars, at least and at most; None: any length will do.

        Those of all loops of `stems` together, if they fit, or else of as long a loop as does.
        """
        per_bar = self._clock.beats_per_bar
        beats = {script_beats(stem, self._clock) for stem in stems} - {0}
        phrases = sorted({count // per_bar for count in beats if count % per_bar == 0} - {1})
        lo, hi = bars
        if not phrases or hi < phrases[0]:
            return None
        for step in (math.lcm(*phrases), *reversed(phrases)):
            if hi // step * step >= lo:
                return step if lo < hi else None
        length = f"{lo} bars" if lo == hi else f"{lo}..{hi} bars"
        self._problems.warn(span, f"a section of {length} ends within a phrase of {phrases[0]} bars")
        return None

    def _check_points(
        self, span: Span, options: dict[str, tree.Option], layer: Layer, beats: list[int], every_one: bool
    ) -> None:
        """`beats` of the loops, ascending; `every_one`: whether the pool has nothing but loops."""
        grid, longest = layer.grid_beats, beats[-1]
        phrase = self._length(longest)
        if "enter" in options and layer.enter_beats % longest:
            where = self._length(layer.enter_beats % longest)
            message = f"it enters {where} into a phrase of {phrase}, and loops begin there"
            self._problems.warn(options["enter"].span, message)
        if layer.until_beats is not None and (layer.until_beats - layer.enter_beats) % longest:
            where = self._length((layer.until_beats - layer.enter_beats) % longest)
            self._problems.warn(options["until"].span, f"it stops {where} into a phrase of {phrase}")
        if "once" in options:
            return
        if "chance" in options:
            if grid % longest and every_one:
                point = self._length(grid).removeprefix("1 ")
                message = f"by chance at every {point}, a loop of {phrase} may begin within its phrase"
                self._problems.warn(
                    options["chance"].span, f"{message}; `every {phrase}` lets it begin with its phrase"
                )
            return
        rests = [count for count in beats if count > grid and count % grid]
        if rests:
            loop, rest = self._length(rests[-1]), self._length(-rests[-1] % grid)
            self._problems.warn(span, f"a loop of {loop} rests for {rest} until `every {self._length(grid)}`")

    def _check_pool(self, play: tree.Play, stems: Sequence[StemFacts]) -> None:
        per_bar = self._clock.beats_per_bar
        halves = [stem for stem in stems if half_beats(stem, self._clock)]
        if halves:
            self._name(play, halves, "has half a beat too many at the script's tempo, and keeps no phrase")
        odd = [stem for stem in stems if script_beats(stem, self._clock) % per_bar]
        if odd:
            self._name(play, odd, f"does not fill whole bars of {per_bar} beats, so its phrase is off the bar")
        if any(option.kind == "fade" for option in play.options):
            ringing = [stem for stem in stems if script_beats(stem, self._clock) and rings_out(stem)]
            if ringing:
                self._name(play, ringing, "rings out after its beats, so the next comes in over that without a fade")

    def _name(self, play: tree.Play, stems: Sequence[StemFacts], what: str) -> None:
        names = ", ".join(f"“{title}”" for title in sorted(stem.title for stem in stems)[:_NAMED_MAX])
        more = f" and {len(stems) - _NAMED_MAX} more of its pool" if len(stems) > _NAMED_MAX else ""
        verb = what if len(stems) == 1 else f"each {what}"
        self._problems.warn(play.pool.span, f"{names}{more} {verb}")

    def _length(self, beats: int) -> str:
        bars, rest = divmod(beats, self._clock.beats_per_bar)
        if rest:
            return f"{beats} beat{'s' * (beats != 1)}"
        return f"{bars} bar{'s' * (bars != 1)}"
