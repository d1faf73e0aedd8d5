"""`daypart` lines to rows of the score: where sliders stand at which time of the week."""

from dataclasses import dataclass

from amos.score.rules import MINUTES_OF_DAY
from amos.score.score import DAYPARTS_MAX, Daypart, Slider
from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.problems import Problems
from amos_tools.script.program import Program
from amos_tools.script.times import days_mask, minute_of, next_days
from amos_tools.script.units import Q15

PRIORITIES = ("low", "normal", "high", "special")


@dataclass(frozen=True, slots=True)
class DaypartFacts:
    """A part of the day by its name, or by its times if it has none; `until_minute` may be past midnight.

    `days` are bits, Monday 0 … Sunday 6, holiday 7.
    """

    name: str
    days: int
    from_minute: int
    until_minute: int


@dataclass(frozen=True, slots=True)
class _Row:
    row: Daypart
    priority: int
    order: int
    statement: tree.Daypart


def dayparts(program: Program, sliders: list[Slider], problems: Problems) -> list[Daypart]:
    """Rows of the score, those of the highest priority first; among equals the later line holds."""
    index = {slider.name: number for number, slider in enumerate(sliders)}
    rows: list[_Row] = []
    for order, statement in enumerate(program.dayparts):
        priority = _priority(statement.priority, problems)
        spans = _spans(statement, problems)
        for setting in statement.settings:
            found = _position(setting, program, sliders, index, problems)
            if found is not None and spans is not None:
                for days, start, end in spans:
                    row = Daypart(
                        days=days, from_minute=start, until_minute=end, slider=found[0], position_q15=found[1]
                    )
                    rows.append(_Row(row, priority, order, statement))
    if len(rows) > DAYPARTS_MAX:
        problems.error(program.dayparts[-1].span, f"a script has at most {DAYPARTS_MAX} settings of dayparts")
        return []
    _warn_overlaps(rows, problems)
    return [item.row for item in sorted(rows, key=lambda item: (-item.priority, -item.order))]


def daypart_facts(program: Program, problems: Problems) -> tuple[DaypartFacts, ...]:
    """The parts of the day as the script has them; those with errors noted are left out."""
    facts = []
    for part in program.dayparts:
        spans = _spans(part, problems)
        if spans is not None:
            (days, start, end), *rest = spans
            name = f"{part.start.value}..{part.end.value}" if part.name is None else part.name.value
            facts.append(DaypartFacts(name, days, start, end + sum(until for _days, _zero, until in rest)))
    return tuple(facts)


def _priority(word: tree.Text | None, problems: Problems) -> int:
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


def _spans(statement: tree.Daypart, problems: Problems) -> list[tuple[int, int, int]] | None:
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


def _position(
    setting: tree.Setting, program: Program, sliders: list[Slider], index: dict[str, int], problems: Problems
) -> tuple[int, int] | None:
    """(slider, position) of a setting, or None with an error noted."""
    name, value = setting.slider, setting.value
    if name.value not in index:
        if name.value not in program.sliders and ("slider", name.value) not in program.broken:
            problems.unknown(name.span, "slider", name.value, program.sliders)
        return None
    declared = program.sliders[name.value]
    lo, hi = declared.lo.value, declared.hi.value
    if not lo <= value.value <= hi:
        limits = f"{float(lo):g} to {float(hi):g}"
        problems.error(value.span, f"`{name.value}` has no such value", expected=[limits])
        return None
    return index[name.value], round((value.value - lo) / (hi - lo) * Q15)


def _warn_overlaps(rows: list[_Row], problems: Problems) -> None:
    """Warn of two dayparts of one priority that set a slider to different values at one time."""
    told: set[tuple[int, int]] = set()
    for number, later in enumerate(rows):
        for earlier in rows[:number]:
            if earlier.order == later.order or (earlier.order, later.order) in told:
                continue
            a, b = earlier.row, later.row
            clash = a.slider == b.slider and a.position_q15 != b.position_q15 and a.days & b.days
            if clash and earlier.priority == later.priority and _overlap(a, b):
                told.add((earlier.order, later.order))
                line = earlier.statement.span.line
                problems.warn(
                    later.statement.span,
                    f"this daypart overlaps the one on line {line}, and holds where it does",
                    notes=["a `priority` would say which is meant"],
                )


def _overlap(a: Daypart, b: Daypart) -> bool:
    return a.from_minute < b.until_minute and b.from_minute < a.until_minute
