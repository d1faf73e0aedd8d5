"""`curve` lines to rows of a score: how sliders go through the day."""

from array import array
from itertools import pairwise

from amos.score.day_sliders import DAY_SLIDER_FIELDS, DAY_SLIDERS_MAX
from amos.score.rules import MINUTES_OF_DAY
from amos.score.score import Slider
from amos_tools.script import tree
from amos_tools.script.day_plan import points_of, warn_of_overlap, within
from amos_tools.script.moods import position_of
from amos_tools.script.problems import Problems
from amos_tools.script.program import Program
from amos_tools.script.times import days_mask


def day_sliders(program: Program, table: list[Slider], problems: Problems) -> "array[int] | None":
    """Rows of the score's `day_sliders`, those of the later lines first; None without any."""
    numbers = array("H")
    for curve in reversed(program.curves):
        numbers.extend(_rows(curve, program, table, problems))
    if len(numbers) > DAY_SLIDERS_MAX * DAY_SLIDER_FIELDS:
        problems.error(program.curves[-1].span, f"a script has at most {DAY_SLIDERS_MAX} points of curves of sliders")
    if not problems.errors:
        _warn_overlaps(program.curves, problems)
    return numbers or None


def _rows(curve: tree.Curve, program: Program, table: list[Slider], problems: Problems) -> list[int]:
    """The numbers of a row from each point to the next, the last of which goes over midnight to the first."""
    days = days_mask(curve.days, problems)
    index = {slider.name: number for number, slider in enumerate(table)}.get(curve.slider.value, 0)

    def position(value: tree.Number) -> int | None:
        found = position_of(tree.Setting(curve.slider, value), program, table, problems)
        return None if found is None else found[1]

    points = points_of(curve.points, position, problems)
    around = [*points, *((first + MINUTES_OF_DAY, value) for first, value in points[:1])]
    return [
        number for (begin, value), (end, then) in pairwise(around) for number in (days, begin, end, index, value, then)
    ]


def _warn_overlaps(curves: list[tree.Curve], problems: Problems) -> None:
    """Every curve goes round the day, so that two of a slider overlap on the days that both have."""
    for number, later in enumerate(curves):
        for earlier in curves[:number]:
            days, others = days_mask(later.days, problems), days_mask(earlier.days, problems)
            if later.slider.value == earlier.slider.value and days & others and not within(days, others):
                warn_of_overlap(later.span, earlier.span, problems)
