"""`announce` lines: stems over the music, or room for a voice of the house."""

from array import array

from amos.score.rules import MINUTES_OF_DAY, TIMES_OF_DAY_MAX
from amos.score.score import ANNOUNCEMENTS_MAX, FADE_FRAMES_MAX, Announcement
from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.pools import Pools
from amos_tools.script.problems import Problems
from amos_tools.script.program import Program, options_once
from amos_tools.script.times import days_mask, minute_of
from amos_tools.script.units import GAIN_DB_MAX, Q15, ClockFacts, gain_q15, length_frames

PLACEHOLDER_SECONDS = 10
MINUTES_APART_MIN = 10


def announcements(program: Program, pools: Pools, clock: ClockFacts, problems: Problems) -> list[Announcement]:
    """Rows of the score. A title that no stem has keeps its place, for a voice of the house."""
    if len(program.announces) > ANNOUNCEMENTS_MAX:
        span = list(program.announces.values())[ANNOUNCEMENTS_MAX].span
        problems.error(span, f"a script has at most {ANNOUNCEMENTS_MAX} announcements")
        return []
    rows = [_row(statement, pools, clock, problems) for statement in program.announces.values()]
    return [row for row in rows if row is not None]


def _row(statement: tree.Announce, pools: Pools, clock: ClockFacts, problems: Problems) -> Announcement | None:
    options = options_once(statement.options, problems)
    days = days_mask(statement.days, problems)
    timed = bool(statement.times) or statement.every is not None
    minutes = _minutes(statement, problems)
    if statement.days and not timed:
        problems.error(statement.days[0].span, "days without a time", expected=["`at` and a time of day"])
    gain = options.get("gain")
    gain_value = gain_q15(gain.number, problems, GAIN_DB_MAX) if gain and gain.number else Q15
    frames = _placeholder_frames(options.get("for"), clock, problems)
    stem = pools.spoken(statement.name.value)
    if stem is None and "for" not in options:
        problems.warn(
            statement.name.span,
            f"no stem with opt-in is titled “{statement.name.value}”; the music leaves room for "
            f"{PLACEHOLDER_SECONDS} s",
            notes=_notes(statement, pools),
        )
    if stem is None and "duck" not in options:
        problems.warn(statement.name.span, "an announcement with neither stem nor `duck` is not heard at all")
    if gain_value is None or frames is None or (timed and not minutes):
        return None
    return Announcement(
        name=statement.name.value,
        stem=stem,
        minute=minutes[0] if minutes else None,
        days=days,
        exact="exact" in options,
        duck="duck" in options,
        gain_q15=gain_value,
        frames=frames,
        more_minutes=array("H", minutes[1:]) if len(minutes) > 1 else None,
    )


def _minutes(statement: tree.Announce, problems: Problems) -> list[int]:
    """Minutes of the day at which it is made, ascending; none without a time, or with an error noted."""
    last = MINUTES_OF_DAY - (statement.every is None)
    found = [minute_of(time, problems, last) for time in statement.times]
    minutes = [minute for minute in found if minute is not None]
    if len(minutes) < len(found):
        return []
    if statement.every is not None:
        return _repeated(statement, statement.every, minutes or [0, MINUTES_OF_DAY], problems)
    for time, minute in zip(statement.times, minutes, strict=True):
        if minutes.count(minute) > 1:
            problems.error(time.span, "this time stands twice")
            return []
    if len(minutes) > TIMES_OF_DAY_MAX:
        problems.error(statement.name.span, f"an announcement is made at most {TIMES_OF_DAY_MAX} times a day")
        return []
    return sorted(minutes)


def _repeated(statement: tree.Announce, every: tree.Number, bounds: list[int], problems: Problems) -> list[int]:
    step = every.value * {"MIN": 1, "H": 60}.get(every.unit, 0)
    if step.denominator != 1 or not MINUTES_APART_MIN <= step < MINUTES_OF_DAY:
        message = f"an announcement is made every {MINUTES_APART_MIN} min or more, in whole minutes"
        problems.error(every.span, message, expected=["such as `every 30 min` or `every 2 h`"])
        return []
    first, last = bounds
    if first >= last:
        problems.error(
            statement.times[0].span, "the times run backwards", expected=["two announcements, past midnight"]
        )
        return []
    return [minute for minute in range(first, last + 1, int(step)) if minute < MINUTES_OF_DAY]


def _notes(statement: tree.Announce, pools: Pools) -> list[str]:
    near = nearest(statement.name.value, pools.titles())
    notes = ["`for 8 s` says how long, for a voice of the house"]
    return [f"did you mean “{near}”?", *notes] if near else notes


def _placeholder_frames(option: tree.Option | None, clock: ClockFacts, problems: Problems) -> int | None:
    if option is None or option.number is None:
        return PLACEHOLDER_SECONDS * clock.rate_hz
    return length_frames(option.number, "an announcement", FADE_FRAMES_MAX, clock, problems)
