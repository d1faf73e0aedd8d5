"""Sections with a tempo and a key of their own, and the rows of stems that they need."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from amos.score.score import TEMPO_MBPM_MAX, TEMPO_MBPM_MIN
from amos_tools.pack.conform import Plan, Target, plan_for
from amos_tools.script import tree
from amos_tools.script.loops import script_beats
from amos_tools.script.problems import Problems
from amos_tools.script.program import Program
from amos_tools.script.units import ClockFacts, thousandths
from amos_tools.stems import StemFacts


class _Table(Protocol):
    """What is read of a compiled script."""

    @property
    def stems(self) -> Sequence[StemFacts]:
        """The rows."""

    @property
    def targets(self) -> Sequence[Target]:
        """What each is brought to."""


def row_titles(table: _Table) -> list[str]:
    """The title of each row; of a stem that stands there several times, with its tempo and key."""
    count = Counter(stem.stem_id for stem in table.stems)
    return [
        f"{stem.title} ({target.of(stem)})" if count[stem.stem_id] > 1 else stem.title
        for stem, target in zip(table.stems, table.targets, strict=True)
    ]


RowIdentity = tuple[bytes, Plan | None, int]
"""Of a stem, what is done to it, and the beats that it lasts then."""


def clock_of(section: tree.Section, clock: ClockFacts, problems: Problems) -> ClockFacts:
    """The clock while the section plays: that of the script, but for what the section says. Errors are noted."""
    for option in section.options:
        if option.kind == "key" and option.word is not None:
            clock = replace(clock, key=option.word.value)
        elif option.kind == "tempo" and option.number is not None:
            lowest, highest = TEMPO_MBPM_MIN // 1000, TEMPO_MBPM_MAX // 1000
            tempo = thousandths(option.number, "a tempo", lowest, highest, problems)
            clock = replace(clock, tempo_mbpm=tempo or clock.tempo_mbpm)
    return clock


def played_elsewhere(program: Program) -> set[str]:
    """Pools that only sections with a clock of their own play from."""
    own: set[str] = set()
    common: set[str] = set()
    for block in program.blocks.values():
        names = own if any(option.kind in ("key", "tempo") for option in block.section.options) else common
        names.update(play.pool.value for play in block.plays)
    return own - common


@dataclass(frozen=True, slots=True)
class Row:
    """A stem as the stem table has it: brought to the tempo and key of `clock`. Rows are the same if nothing of the
    difference is heard."""

    stem: StemFacts
    clock: ClockFacts

    @property
    def target(self) -> Target:
        """What the pack builder brings the stem to."""
        return Target(self.clock.tempo_mbpm, self.clock.key)

    def identity(self) -> RowIdentity:
        """The same for rows that are the same."""
        return self.stem.stem_id, plan_for(self.stem, self.target), script_beats(self.stem, self.clock)
