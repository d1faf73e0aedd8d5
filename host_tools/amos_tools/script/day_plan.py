"""Where dayparts lead, and how loud a day is: `section` and `volume` to rows of a score."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from amos.score.rules import MINUTES_OF_DAY
from amos.score.score import DAY_SECTIONS_MAX, DAY_VOLUMES_MAX
from amos_tools.script import tree
from amos_tools.script.dayparts import overlap, priority_of, spans_of
from amos_tools.script.problems import Problems, Span
from amos_tools.script.program import Program
from amos_tools.script.sections import Sections
from amos_tools.script.times import days_mask, minute_of
from amos_tools.script.units import GAIN_DB_MIN

_CURVES = -1
"""The priority of `volume` lines: below that of any daypart."""


@dataclass(frozen=True, slots=True)
class _Row:
    days: int
    from_minute: int
    until_minute: int
    values: tuple[int, ...]
    priority: int
    order: int
    span: Span


def day_sections(program: Program, sections: Sections, problems: Problems) -> "array[int] | None":
    """Rows of the score's `day_sections`, those that count first; None without any."""
    rows = []
    for order, part in enumerate(program.dayparts):
        if len(part.sections) > 1:
            problems.error(part.sections[1].span, "a daypart leads to one section")
        for name in part.sections[:1]:
            place = sections.place(name)
            if place is not None:
                rows += _rows_of(part, order, (place - 1,), name.span, problems)
    return _ordered(rows, DAY_SECTIONS_MAX, "sections of dayparts", problems)


def day_volumes(program: Program, problems: Problems) -> "array[int] | None":
    """Rows of the score's `day_volumes`, those that count first; None without any."""
    rows = []
    for order, part in enumerate(program.dayparts):
        if len(part.volumes) > 1:
            problems.error(part.volumes[1].span, "a daypart has one volume")
        for volume in part.volumes[:1]:
            down = _down(volume, problems)
            if down is not None:
                rows += _rows_of(part, order, (down, down), volume.span, problems)
    for order, curve in enumerate(program.volumes):
        rows += _curve(curve, order, problems)
    return _ordered(rows, DAY_VOLUMES_MAX, "stretches of volume in a day", problems)


def _rows_of(part: tree.Daypart, order: int, values: tuple[int, ...], span: Span, problems: Problems) -> list[_Row]:
    priority = priority_of(part.priority, problems)
    return [_Row(*times, values, priority, order, span) for times in spans_of(part, problems) or ()]


def _down(volume: tree.Number, problems: Problems) -> int | None:
    """Hundredths of a dB below unity; None with an error noted."""
    if not GAIN_DB_MIN <= volume.value <= 0:
        problems.error(volume.span, "the volume of a day is below that of the mix", expected=[f"{GAIN_DB_MIN} to 0 dB"])
        return None
    return round(-volume.value * 100)


def _curve(curve: tree.Volume, order: int, problems: Problems) -> list[_Row]:
    """A row from each point to the next; from the last on it goes over midnight to the first."""
    days = days_mask(curve.days, problems)
    points = points_of(curve.points, lambda volume: _down(volume, problems), problems)
    if not points:
        return []
    (first, begins), (last, ends) = points[0], points[-1]
    overnight = first + MINUTES_OF_DAY - last
    midnight = round(ends + (begins - ends) * Fraction(MINUTES_OF_DAY - last, overnight))
    points = [(0, midnight), *points, (MINUTES_OF_DAY, midnight)]
    return [
        _Row(days, one, other, (down, then), _CURVES, order, curve.span)
        for (one, down), (other, then) in pairwise(points)
        if one < other
    ]


def points_of(
    points: Sequence[tuple[tree.Text, tree.Number]], value_of: Callable[[tree.Number], int | None], problems: Problems
) -> list[tuple[int, int]]:
    """Minute of the day and value of each point of a curve; none with an error noted, by `value_of` too."""
    found: list[tuple[int, int]] = []
    for time, number in points:
        minute, value = minute_of(time, problems), value_of(number)
        if minute is None or value is None:
            return []
        if found and minute <= found[-1][0]:
            problems.error(time.span, "the times of a curve run from morning to night", expected=["a later time"])
            return []
        found.append((minute, value))
    return found


def warn_of_overlap(later: Span, earlier: Span, problems: Problems) -> None:
    """Warn that of two lines about the same hours the later holds."""
    problems.warn(later, f"this overlaps what line {earlier.line} says of the same hours, and holds where it does")


def within(days: int, others: int) -> bool:
    """Whether `days` are some of `others`, and not all: a curve for them counts more than one for all, as is meant."""
    return days != others and not days & ~others


def _ordered(rows: Sequence[_Row], most: int, what: str, problems: Problems) -> "array[int] | None":
    if len(rows) > most:
        problems.error(rows[-1].span, f"a script has at most {most} {what}")
        return None
    _warn_overlaps(rows, problems)
    ordered = sorted(rows, key=lambda row: (-row.priority, -row.order, row.from_minute))
    numbers = [number for row in ordered for number in (row.days, row.from_minute, row.until_minute, *row.values)]
    return array("H", numbers) if numbers else None


def _warn_overlaps(rows: Sequence[_Row], problems: Problems) -> None:
    told: set[tuple[int, int]] = set()
    for number, later in enumerate(rows):
        for earlier in rows[:number]:
            pair = (earlier.order, later.order)
            if earlier.priority != later.priority or earlier.order == later.order or pair in told:
                continue
            if later.priority == _CURVES and within(later.days, earlier.days):
                continue
            if later.days & earlier.days and overlap(later, earlier) and later.values != earlier.values:
                told.add(pair)
                warn_of_overlap(later.span, earlier.span, problems)
