"""`render` lines to plans: pieces of exact length whose hits fall on the frame."""

from amos.score.rules import HIT_FRAMES_MIN, HITS_MAX, PLAN_FRAMES_MAX
from amos.score.score import FADE_FRAMES_MAX, RENDERS_MAX, Hit, RenderPlan
from amos_tools.script import tree
from amos_tools.script.problems import Problems
from amos_tools.script.program import Program, options_once
from amos_tools.script.sections import Sections
from amos_tools.script.units import ClockFacts, length_frames

FADE_SHARE_MAX = 4
"""Without a word about it, the fade at the end is a bar, but at most a quarter of the piece."""


def renders(program: Program, sections: Sections, clock: ClockFacts, problems: Problems) -> list[RenderPlan]:
    """The plans of the score; those with errors noted are left out."""
    if len(program.renders) > RENDERS_MAX:
        span = list(program.renders.values())[RENDERS_MAX].span
        problems.error(span, f"a script has at most {RENDERS_MAX} renders")
        return []
    plans = [_plan(statement, sections, clock, problems) for statement in program.renders.values()]
    return [plan for plan in plans if plan is not None]


def _plan(statement: tree.Render, sections: Sections, clock: ClockFacts, problems: Problems) -> RenderPlan | None:
    length = length_frames(statement.length, "a render", PLAN_FRAMES_MAX, clock, problems)
    if length is None:
        return None
    least = 4 * HIT_FRAMES_MIN
    if length < least:
        problems.error(statement.length.span, f"a render lasts at least {least * 1000 // clock.rate_hz} ms")
        return None
    fade: int | None = min(clock.bars_frames(1), length // FADE_SHARE_MAX)
    option = options_once(statement.fades, problems).get("fade")
    if option is not None and option.number is not None:
        fade = length_frames(option.number, "a fade", FADE_FRAMES_MAX, clock, problems)
    if fade is None:
        return None
    if fade > length - HIT_FRAMES_MIN:
        problems.error((option or statement.length).span, "the fade is as long as the piece")
        return None
    hits = _hits(statement, length - fade, sections, clock, problems)
    return (
        None
        if hits is None
        else RenderPlan(name=statement.name.value, length_frames=length, fade_frames=fade, hits=hits)
    )


def _hits(
    statement: tree.Render, until: int, sections: Sections, clock: ClockFacts, problems: Problems
) -> list[Hit] | None:
    if len(statement.hits) > HITS_MAX:
        problems.error(statement.hits[HITS_MAX].span, f"a render has at most {HITS_MAX} hits")
        return None
    found: list[Hit] = []
    good = True
    earliest = 0
    for point in statement.hits:
        index = sections.index(point.section)
        frame = clock.frames(point.at)
        if frame > until - HIT_FRAMES_MIN:
            limit = f"at most {(until - HIT_FRAMES_MIN) * 100 // clock.rate_hz / 100:g} s"
            problems.error(point.at.span, "the hit falls into the fade at the end, or after it", expected=[limit])
            good = False
        elif frame < earliest or 0 < frame < HIT_FRAMES_MIN:
            ms = HIT_FRAMES_MIN * 1000 // clock.rate_hz + 1
            problems.error(point.at.span, f"hits come in order of time, at least {ms} ms apart")
            good = False
        elif index is not None:
            found.append(Hit(frame=frame, section=index))
        good = good and index is not None
        earliest = max(earliest, frame + HIT_FRAMES_MIN)
    return found if good else None
