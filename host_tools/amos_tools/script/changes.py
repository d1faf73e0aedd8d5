"""Phrases of a script and its sections, their chord changes, and the loops that agree with them."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from amos.score.score import BARS_MAX, SHIFTS_MAX, Layer, Pool, StemSet
from amos_tools.chords import Changes, joins_at, parse_changes
from amos_tools.pack.conform import can_conform
from amos_tools.script import tree
from amos_tools.script.loops import script_beats
from amos_tools.script.problems import Problems, Span
from amos_tools.script.program import Program
from amos_tools.script.units import ClockFacts, whole
from amos_tools.stems import StemFacts

COLUMN = "changes"
_NAMED_MAX = 3


@dataclass(frozen=True, slots=True)
class Phrase:
    """So many bars, over which the changes are spread; `text` is how they are written, empty without any."""

    bars: int
    text: str
    changes: Changes | None = field(compare=False)
    span: Span = field(compare=False)


def changes_text(stem: StemFacts) -> str:
    """What the stem's sidecar says in the column `changes`, or an empty text."""
    return next((text for name, text in stem.tags if name.casefold() == COLUMN), "")


def agreement(stem: StemFacts, phrase: Phrase, clock: ClockFacts) -> int | None:
    """Beat of the phrase at which the stem's first one falls where their chords agree; None where they never do."""
    if phrase.changes is None:
        return None
    try:
        changes = parse_changes(changes_text(stem))
    except ValueError:
        return None
    plan = can_conform(stem, None, clock.key) if clock.key else None
    semitones = plan.semitones if plan else 0
    bar = clock.beats_per_bar
    beats = script_beats(stem, clock)
    return joins_at(changes, beats, phrase.changes, phrase.bars * bar, semitones, bar)


def changes_fit(stem: StemFacts, phrase: Phrase, clock: ClockFacts) -> bool:
    """Whether a stem's chords agree with the phrase, or it has none: no key, and no changes."""
    if stem.key is None and not changes_text(stem):
        return True
    return agreement(stem, phrase, clock) is not None


class Phrasing:
    """The phrases of one script, and where its loops join them."""

    def __init__(self, program: Program, problems: Problems):
        self._problems = problems
        self.everywhere = self._read(program.phrase) if program.phrase else None
        self._shifted: list[tuple[tree.Play, Layer, dict[bytes, int]]] = []

    def _read(self, statement: tree.Phrase) -> Phrase | None:
        plain = tree.Number(statement.bars.value, statement.bars.span)
        bars = whole(plain, "a phrase's length", 1, BARS_MAX, self._problems)
        changes = None
        if statement.changes is not None:
            try:
                changes = parse_changes(statement.changes.value)
            except ValueError as error:
                self._problems.error(statement.changes.span, str(error))
        if bars is None:
            return None
        text = " ".join(statement.changes.value.split()) if statement.changes and changes else ""
        return Phrase(bars, text, changes, statement.span)

    def of(self, section: tree.Section) -> Phrase | None:
        """The section's own phrase, or else the script's."""
        for again in section.phrases[1:]:
            self._problems.error(again.span, "`phrase` stands twice in this line")
        return self._read(section.phrases[0]) if section.phrases else self.everywhere

    def step_bars(self, section: tree.Section, bars: tuple[int, int], loops: int | None) -> int | None:
        """Bars of which the section's length is a multiple; `loops`: those that its loops ask for, if it has any."""
        phrase = self.of(section)
        if phrase is None or (loops and loops % phrase.bars == 0):
            return loops
        lo, hi = bars
        if hi // phrase.bars * phrase.bars >= lo:
            return phrase.bars if lo < hi and phrase.bars > 1 else None
        length = f"{lo} bars" if lo == hi else f"{lo}..{hi} bars"
        message = f"a section of {length} never ends with a phrase of {phrase.bars}"
        if section.phrases:
            self._problems.error(phrase.span, message)
        else:
            self._problems.warn(section.bars.span, message)
        return loops

    def join(
        self, play: tree.Play, layer: Layer, stems: Sequence[StemFacts], phrase: Phrase | None, clock: ClockFacts
    ) -> None:
        """Note where the loops of a layer join its phrases, and warn of those that agree nowhere."""
        if phrase is None or phrase.changes is None:
            return
        shifts = {}
        apart = []
        for stem in stems:
            if changes_text(stem):
                at = agreement(stem, phrase, clock)
                if at is None:
                    apart.append(f"“{stem.title}” ({changes_text(stem)})")
                elif shift := (at - layer.enter_beats) % script_beats(stem, clock):
                    shifts[stem.stem_id] = shift
        if shifts:
            self._shifted.append((play, layer, shifts))
        if apart:
            more = f" and {len(apart) - _NAMED_MAX} more of its pool" if len(apart) > _NAMED_MAX else ""
            names = ", ".join(sorted(apart)[:_NAMED_MAX]) + more
            message = f"{names} nowhere agree{'s' * (len(apart) == 1)} with `{phrase.text}`"
            self._problems.warn(play.pool.span, message, notes=["`changes fits` in a pool keeps to what agrees"])

    def rows(self, table: Sequence[StemFacts], pools: Sequence[Pool]) -> list[StemSet] | None:
        """The shifts of all layers as indexes into the stem table, which the layers then name; None without any."""
        rows: dict[tuple[tuple[int, int], ...], int] = {}
        for play, layer, shifts in self._shifted:
            pool = pools[layer.pool]
            held = sorted({*pool.stems, *(pool.off_key or ()), *(pool.off_tempo or ())})
            row = tuple((at, shifts[table[at].stem_id]) for at in held if table[at].stem_id in shifts)
            layer.shifts = rows.setdefault(row, len(rows))
            if len(rows) > SHIFTS_MAX:
                self._problems.error(play.span, f"loops join phrases in more than {SHIFTS_MAX} ways")
                return None
        found = [
            StemSet(stems=array("H", [at for at, _ in row]), beats=array("H", [beat for _, beat in row]))
            for row in rows
        ]
        return found or None
