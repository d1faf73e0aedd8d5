"""Plays a script with all that watches it, and draws what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from amos.score.day_clock import DAY_SECONDS
from amos.score.draw import SECTION_LANE, below, draw, numbered_seed
from amos.score.score import Score
from amos_tools.script.compile import Compiled
from amos_tools.simulate import loudness
from amos_tools.simulate.day import Day
from amos_tools.simulate.drawing import time_of_day
from amos_tools.simulate.inputs import TimedInput
from amos_tools.simulate.loudness import Loudness
from amos_tools.simulate.marks import Announcements, Marks, daypart_spans, input_marks
from amos_tools.simulate.passage import Passage
from amos_tools.simulate.passage_svg import passage_svg
from amos_tools.simulate.run import SimStem, Watcher, frames_in, watch
from amos_tools.simulate.svg import day_svg
from amos_tools.simulate.tally import Tally
from amos_tools.simulate.window import Window

DAY_POINTS, PASSAGE_POINTS = 600, 600
"""A curve has a point for every other pixel."""


@dataclass(frozen=True, slots=True)
class Played:
    """A run. `loudness` is None where it is too long for one, `passage` where no minutes are to be drawn."""

    score: Score
    stems: Sequence[SimStem]
    inputs: Sequence[TimedInput]
    tally: Tally
    day: Day
    announced: Announcements
    seed: bytes
    loudness: Loudness | None
    passage: Passage | None


def play(
    score: Score,
    stems: Sequence[SimStem],
    seed: bytes,
    hours: float,
    inputs: Sequence[TimedInput],
    window: Window | None,
) -> Played:
    """Raises what `simulate` raises."""
    frames = frames_in(hours, score.rate_hz)
    curve = Loudness(score, stems, frames) if hours <= loudness.HOURS_MAX else None
    passage = None if window is None else Passage(*window.frames(score.rate_hz))
    tally, day, announced = Tally(score, stems), Day(score, len(stems), frames), Announcements(score)
    watchers: list[Watcher | None] = [tally, day, announced, curve, passage]
    watch(score, stems, seed, hours, [watcher for watcher in watchers if watcher is not None], inputs)
    return Played(score, stems, inputs, tally, day, announced, seed, curve, passage)


def drawn(played: Played, compiled: Compiled, start: int | None, subtitle: str) -> str:
    """The SVG of the minutes that were asked for, or of the whole run, which begins at the clock value `start`."""
    score, tally, passage, curve = played.score, played.tally, played.passage, played.loudness
    spans = daypart_spans(compiled.dayparts, start, tally.frames, score.rate_hz, compiled.sections)
    marks = Marks(spans, played.announced.spans, input_marks(played.inputs, score, played.stems))
    second = None if start is None else start % DAY_SECONDS
    if passage is not None:
        points = None if curve is None else curve.curve(passage.first, passage.until, PASSAGE_POINTS)
        seconds = [(second or 0) + frame / score.rate_hz for frame in (passage.first, passage.until)]
        shown = " to ".join(time_of_day(int(at) % DAY_SECONDS, 1) for at in seconds)
        themes = _themes(played, passage, compiled.themes)
        return passage_svg(score, played.stems, passage, points, marks, f"{shown}, {subtitle}", second, themes)
    points = None if curve is None else curve.curve(0, tally.frames, DAY_POINTS)
    return day_svg(score, played.stems, tally, played.day, subtitle, second, marks, points)


def _themes(played: Played, passage: Passage, names: Sequence[str]) -> list[str]:
    """The theme that each section entered in the passage has drawn, as the VM draws it; "" of one without."""
    score = played.score
    seed = played.seed if score.seed is None else numbered_seed(score.seed)
    found = []
    for visit, entered in enumerate(passage.sections, passage.visit):
        themes = score.sections[entered.section].themes or ()
        value = draw(seed, visit, SECTION_LANE, 2)
        found.append(names[themes[below(value, len(themes))]] if themes else "")
    return found
