"""`pattern`, `euclid`, `division` and `swing` of a `play` line to the strokes of a layer."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from amos.score.parts import (
    GRID_BEATS_MAX,
    STROKE_FRAMES_MIN,
    STROKES_MAX,
    STROKES_SECOND_MAX,
    VOICES_MAX,
    Layer,
    ScoreSection,
)
from amos.score.patterns import gap_frames, strokes_fault
from amos_tools.script import tree
from amos_tools.script.loops import script_beats
from amos_tools.script.problems import Problems, Span
from amos_tools.script.units import ClockFacts, whole
from amos_tools.stems import StemFacts

WORDS = ("pattern", "euclid", "division", "swing")
TICKS_MAX = 0xFFFF
_STRAIGHT = Fraction(1, 2)
_OUT = (
    ("once", "`until bar 5` ends it"),
    ("fade", "its strokes are cut or ring out"),
    ("tail", "`count` says how many strokes may sound at once"),
)


@dataclass(frozen=True, slots=True)
class Strokes:
    """At so many of `ticks` of each `grid_beats` a stem is struck."""

    grid_beats: int
    ticks: int
    strokes: "array[int]"


class Patterns:
    """Compiles the patterns of one script."""

    def __init__(self, clock: ClockFacts, problems: Problems):
        self._clock = clock
        self._problems = problems

    def of(self, options: Mapping[str, tree.Option], grid: int) -> Strokes | None:
        """The strokes of a line with one of `WORDS`; `grid` are the beats of its `every`. None with errors noted."""
        errors = len(self._problems.errors)
        self._check_options(options)
        steps = self._steps(options)
        step_beats = self._division(options.get("division"))
        if len(self._problems.errors) > errors:
            return None
        if step_beats is None:
            if steps is None:
                self._problems.error(
                    options["swing"].span,
                    "swing needs steps",
                    expected=["a `pattern`, `euclid` or `division` in the line"],
                )
                return None
            period, step_beats = grid, Fraction(grid, len(steps))
        else:
            fitted = self._fitted(options, steps, step_beats, grid)
            if fitted is None:
                return None
            period, steps = fitted
        assert steps is not None
        return self._placed(options, period, steps, step_beats)

    def _check_options(self, options: Mapping[str, tree.Option]) -> None:
        problems = self._problems
        if "pattern" in options and "euclid" in options:
            problems.error(options["euclid"].span, "a line has a `pattern` or a `euclid`, not both")
        for word, why in _OUT:
            if word in options:
                problems.error(options[word].span, f"a pattern has no {word}: {why}")
        count = options.get("count")
        if count is not None and count.range is not None and count.range.lo is not count.range.hi:
            message = "with a pattern, `count` is one number: how many strokes may sound at once"
            problems.error(count.range.span, message)

    def _steps(self, options: Mapping[str, tree.Option]) -> list[bool] | None:
        """Whether each step is struck; None without steps of its own, or with errors noted."""
        if (written := options.get("pattern")) is not None and written.word is not None:
            return self._written(written.word)
        if (euclid := options.get("euclid")) is not None and euclid.ratio is not None:
            steps = whole(euclid.ratio[1], "the number of steps", 1, STROKES_MAX, self._problems)
            if steps is None:
                return None
            hits = whole(euclid.ratio[0], "the number of strokes", 1, steps, self._problems)
            turn = 0 if euclid.number is None else whole(euclid.number, "a rotation", 0, steps - 1, self._problems)
            return None if hits is None or turn is None else euclidean(hits, steps, turn)
        return None

    def _written(self, text: tree.Text) -> list[bool] | None:
        marks = [mark for mark in text.value if mark not in " |"]
        strange = next((mark for mark in marks if mark not in "x."), None)
        expected = ['such as `"x..x..x."`: x is a stroke, . a rest; spaces and | are for the eye']
        if strange is not None:
            self._problems.error(text.span, f"`{strange}` is no step of a pattern", expected=expected)
        elif "x" not in marks:
            self._problems.error(text.span, "a pattern has a stroke", expected=expected)
        elif len(marks) > STROKES_MAX:
            self._problems.error(text.span, f"a pattern has at most {STROKES_MAX} steps, this one has {len(marks)}")
        else:
            return [mark == "x" for mark in marks]
        return None

    def _division(self, option: tree.Option | None) -> Fraction | None:
        """Beats of a step; None if the line does not say, or with an error noted."""
        if option is None or option.ratio is None:
            return None
        over = whole(option.ratio[0], "the upper number of a note value", 1, 64, self._problems)
        under = whole(option.ratio[1], "the lower number of a note value", 1, 192, self._problems)
        return None if over is None or under is None else Fraction(over * self._clock.beat_unit, under)

    def _fitted(
        self, options: Mapping[str, tree.Option], steps: list[bool] | None, step_beats: Fraction, grid: int
    ) -> tuple[int, list[bool]] | None:
        """(period in beats, steps) of a line whose steps have a length of their own. None with an error noted."""
        span = options["division"].span
        if steps is None:
            count = Fraction(grid) / step_beats
            rounds = count.denominator
            period, steps = grid * rounds, [True] * int(count * rounds)
        elif "every" in options:
            period = grid
            if len(steps) * step_beats > period:
                self._problems.error(
                    options["every"].span,
                    f"{len(steps)} steps last {_beats(len(steps) * step_beats)}, longer than this",
                    notes=["without `every` the pattern goes round after its own steps"],
                )
                return None
        else:
            length = len(steps) * step_beats
            period, steps = int(length * length.denominator), steps * length.denominator
        if len(steps) > STROKES_MAX or period > GRID_BEATS_MAX:
            message = f"after {STROKES_MAX} steps it has not come to a beat, where it could go round"
            self._problems.error(span, message)
            return None
        return period, steps

    def _placed(
        self, options: Mapping[str, tree.Option], period: int, steps: list[bool], step_beats: Fraction
    ) -> Strokes | None:
        swing = _STRAIGHT
        if (option := options.get("swing")) is not None and option.number is not None:
            percent = whole(option.number, "a swing in %", 50, 75, self._problems)
            if percent is None:
                return None
            swing = Fraction(percent, 100)
        late = (2 * swing - 1) * step_beats
        found = [(step * step_beats + step % 2 * late) / period for step, struck in enumerate(steps) if struck]
        ticks = math.lcm(*(place.denominator for place in found))
        if ticks > TICKS_MAX:
            span = options[next(word for word in WORDS if word in options)].span
            self._problems.error(span, "the steps are too fine for the player", notes=["fewer steps, or less swing"])
            return None
        return Strokes(period, ticks, array("H", [int(place * ticks) for place in found]))

    def check_section(self, section: ScoreSection, span: Span) -> None:
        """Note strokes that come faster than a player can take them."""
        rate, tempo = self._clock.rate_hz, self._clock.tempo_mbpm
        if strokes_fault(section.layers, rate, tempo) is None:
            return
        gaps = [gap_frames(layer, rate, tempo) for layer in section.layers if layer.strokes is not None]
        if min(gaps) < STROKE_FRAMES_MIN:
            least, found = -(-STROKE_FRAMES_MIN * 1000 // rate), min(gaps) * 1000 // rate
            self._problems.error(span, f"strokes come {found} ms after one another, a player needs {least} ms")
        else:
            most = sum(rate // gap + 1 for gap in gaps)
            message = f"its patterns may strike {most} times in a second, a player takes {STROKES_SECOND_MAX}"
            self._problems.error(span, message)

    def rings(self, layer: Layer, stems: Sequence[StemFacts]) -> bool:
        """Whether a stem may sound on when its slot is struck again."""
        longest = max((self._frames(stem) for stem in stems), default=0)
        return longest > gap_frames(layer, self._clock.rate_hz, self._clock.tempo_mbpm, layer.count_max)

    def check(self, play: tree.Play, layer: Layer, stems: Sequence[StemFacts]) -> None:
        """Warn of what in `play` a pattern cuts short."""
        loops = sorted(stem.title for stem in stems if script_beats(stem, self._clock))
        if loops:
            more = f" and {len(loops) - 1} more" if len(loops) > 1 else ""
            verb = "are loops" if more else "is a loop"
            self._problems.warn(
                play.pool.span, f"“{loops[0]}”{more} of the pool {verb}; a pattern strikes from the beginning each time"
            )
        elif layer.rings and not any(option.kind == "count" for option in play.options):
            self._warn_cut(play, layer, stems)

    def _warn_cut(self, play: tree.Play, layer: Layer, stems: Sequence[StemFacts]) -> None:
        rate, tempo = self._clock.rate_hz, self._clock.tempo_mbpm
        longest = max(stems, key=self._frames)
        gap = gap_frames(layer, rate, tempo)
        need = next(
            (n for n in range(2, VOICES_MAX) if gap_frames(layer, rate, tempo, n) >= self._frames(longest)), None
        )
        ring = [f"`count {need}` lets it ring out"] if need else []
        self._problems.warn(
            play.pool.span,
            f"“{longest.title}” lasts {self._frames(longest) / rate:.2f} s, and strokes come {gap / rate:.2f} s "
            "after one another: the next cuts the one before",
            notes=["; ".join([*ring, "`count 1` says that it is meant"])],
        )

    def _frames(self, stem: StemFacts) -> int:
        """Length at the script's rate, rounded up."""
        return -(-stem.frames * self._clock.rate_hz // stem.rate_hz)


def euclidean(strokes: int, steps: int, turn: int = 0) -> list[bool]:
    """`strokes` over `steps` as evenly as they go (Bjorklund's algorithm; Toussaint, "The Euclidean Algorithm Generates
    Traditional Musical Rhythms", 2005), the first at the first step, all moved so many steps later."""
    groups, rest = [[True]] * strokes, [[False]] * (steps - strokes)
    while len(rest) > 1:
        pairs = min(len(groups), len(rest))
        groups, rest = (
            [group + more for group, more in zip(groups, rest, strict=False)],
            groups[pairs:] or rest[pairs:],
        )
    found = [struck for group in groups + rest for struck in group]
    return found[-turn:] + found[:-turn] if turn else found


def _beats(beats: Fraction) -> str:
    whole_beats, rest = divmod(beats, 1)
    parts = [str(whole_beats)] if whole_beats or not rest else []
    return " ".join([*parts, *([str(rest)] if rest else [])]) + (" beats" if beats > 1 else " beat")
