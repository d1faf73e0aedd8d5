"""`mood` lines: sliders that stand together by a name."""

from amos.score.score import Slider
from amos_tools.script import tree
from amos_tools.script.parse import parse_lines, source_lines
from amos_tools.script.problems import FIRST, Problems, TooManyProblems
from amos_tools.script.program import Program, gather
from amos_tools.script.settings import clock, sliders
from amos_tools.script.units import Q15


def mood_positions(source: str | bytes, mood: str, *, name: str = "<script>") -> dict[str, int]:
    """Position, 0 .. 32768, of each slider that the script's `mood` sets, by its name.

    Raises `ScriptError` for a script with errors in its lines, sliders or moods, or without that mood.
    """
    lines = source_lines(source, name)
    problems = Problems(lines, name)
    found: dict[str, int] = {}
    try:
        program = gather(parse_lines(lines, problems), problems)
        facts = clock(program, problems)
        table = sliders(program, facts, problems) if facts is not None else []
        moods = moods_of(program, table, problems)
        if mood not in moods and not problems.errors:
            problems.unknown(FIRST, "mood", mood, moods)
        found = {table[slider].name: position for slider, position in moods.get(mood, {}).items()}
    except TooManyProblems:
        pass
    problems.raise_if_any()
    return found


def moods_of(program: Program, table: list[Slider], problems: Problems) -> dict[str, dict[int, int]]:
    """Position of each slider of each mood; what has errors noted is left out."""
    found: dict[str, dict[int, int]] = {}
    for name, mood in program.moods.items():
        positions = found.setdefault(name, {})
        for setting in mood.settings:
            place = position_of(setting, program, table, problems)
            if place is not None and place[0] in positions:
                problems.error(setting.slider.span, f"`{setting.slider.value}` stands twice in this mood")
            elif place is not None:
                positions[place[0]] = place[1]
    return found


def position_of(
    setting: tree.Setting, program: Program, table: list[Slider], problems: Problems
) -> tuple[int, int] | None:
    """(slider, position) of a setting, or None with an error noted."""
    index = {slider.name: number for number, slider in enumerate(table)}
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
