"""`daypart` lines to rows of the score: where sliders stand at which time of the week."""

from dataclasses import dataclass
from typing import Protocol

from amos.score.rules import MINUTES_OF_DAY
from amos.score.score import DAYPARTS_MAX, Daypart, Slider
from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.moods import moods_of, position_of
from amos_tools.script.problems import Problems
from amos_tools.script.program import Program
from amos_tools.script.times import days_mask, minute_of, next_days

PRIORITIES = ("low", "normal", "high", "special")


@dataclass(frozen=True, slots=True)
class DaypartFacts:
    """A part of the day by its name, or by its times if it has none; `until_minute` may be past midnight.

    `days` are bits, Monday 0 … Sunday 6, holiday 7; `section` is the index of that which it leads to.
    """

    name: str
    days: int
    from_minute: int
    until_minute: int
    section: int | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    row: Daypart
    priority: int
    order: int
    statement: tree.Daypart


def dayparts(program: Program, sliders: list[Slider], problems: Problems) -> list[Daypart]:
    """Rows of the score, those of the highest priority first; among equals the later line holds."""
    rows: list[_Row] = []
    moods = moods_of(program, sliders, problems)
    for order, statement in enumerate(program.dayparts):
        priority = priority_of(statement.priority, problems)
        spans = spans_of(statement, problems)
        found = [position_of(setting, program, sliders, problems) for setting in statement.settings]
        positions = [position for position in found if position is not None]
        positions += _in_moods(statement, moods, {slider for slider, _ in positions}, program, problems)
        for slider, position in positions:
            for days, start, end in spans or ():
                row = Daypart(days=days, from_minute=start, until_minute=end, slider=slider, position_q15=position)
                rows.append(_Row(row, priority, order, statement))
    if len(rows) > DAYPARTS_MAX:
        problems.error(program.dayparts[-1].span, f"a script has at most {DAYPARTS_MAX} settings of dayparts")
        return []
    _warn_overlaps(rows, problems)
    return [item.row for item in sorted(rows, key=lambda item: (-item.priority, -item.order))]


def _in_moods(
    statement: tree.Daypart, moods: dict[str, dict[int, int]], taken: set[int], program: Program, problems: Problems
) -> list[tuple[int, int]]:
    """What the moods of a daypart set, but for the sliders `taken`; the later of its moods counts more."""
    found: dict[int, int] = {}
    for name in statement.moods:
        if name.value not in moods and not program.broken_lines:
            problems.unknown(name.span, "mood", name.value, moods)
        found |= moods.get(name.value, {})
    return [(slider, position) for slider, position in found.items() if slider not in taken]


def daypart_facts(program: Program, problems: Problems) -> tuple[DaypartFacts, ...]:
    """The parts of the day as the script has them; those with errors noted are left out."""
    facts = []
    names = list(program.blocks)
    for part in program.dayparts:
        spans = spans_of(part, problems)
        if spans is not None:
            (days, start, end), *rest = spans
            name = f"{part.start.value}..{part.end.value}" if part.name is None else part.name.value
            sections = [names.index(section.value) for section in part.sections if section.value in names]
            until = end + sum(until for _days, _zero, until in rest)
            facts.append(DaypartFacts(name, days, start, until, sections[0] if sections else None))
    return tuple(facts)


def priority_of(word: tree.Text | None, problems: Problems) -> int:
    """Index of a daypart's priority, the lowest first; that of `normal` without one, or 0 with an error noted."""
    if word is None:
        return PRIORITIES.index("normal")
    if word.value in PRIORITIES:
        return PRIORITIES.index(word.value)
    problems.error(
        word.span,
        f"`{word.value}` is not a priority",
        expected=[f"`{name}`" for name in PRIORITIES],
        suggestion=nearest(word.value, PRIORITIES),
    )
    return 0


def spans_of(statement: tree.Daypart, problems: Problems) -> list[tuple[int, int, int]] | None:
    """(days, from, until) in minutes; what runs past midnight is two."""
    days = days_mask(statement.days, problems)
    start = minute_of(statement.start, problems)
    end = minute_of(statement.end, problems, MINUTES_OF_DAY)
    if start is None or end is None:
        return None
    if start == end:
        problems.error(statement.end.span, "the daypart ends when it begins")
        return None
    if start < end:
        return [(days, start, end)]
    evening = [(days, start, MINUTES_OF_DAY)]
    return [*evening, (next_days(days), 0, end)] if end else evening


def _warn_overlaps(rows: list[_Row], problems: Problems) -> None:
    """Warn of two dayparts of one priority that set a slider to different values at one time."""
    told: set[tuple[int, int]] = set()
    for number, later in enumerate(rows):
        for earlier in rows[:number]:
            if earlier.order == later.order or (earlier.order, later.order) in told:
                continue
            a, b = earlier.row, later.row
            clash = a.slider == b.slider and a.position_q15 != b.position_q15 and a.days & b.days
            if clash and earlier.priority == later.priority and overlap(a, b):
                told.add((earlier.order, later.order))
                line = earlier.statement.span.line
                problems.warn(
                    later.statement.span,
                    f"this daypart overlaps the one on line {line}, and holds where it does",
                    notes=["a `priority` would say which is meant"],
                )


class _Stretch(Protocol):
    @property
    def from_minute(self) -> int: ...

    @property
    def until_minute(self) -> int: ...


def overlap(a: _Stretch, b: _Stretch) -> bool:
    """Whether two stretches of a day have a minute in common."""
    return a.from_minute < b.until_minute and b.from_minute < a.until_minute
