"""What happens to a run from outside, in words beside a picture: inputs, announcements, parts of the day. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from amos.score.day_clock import DAY_SECONDS
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_BLOCK,
    INPUT_BLOCK_MANY,
    INPUT_CLOCK,
    INPUT_DISLIKE,
    INPUT_LEAVE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SHUFFLE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
    blocked,
)
from amos.score.score import Score
from amos.sound.events import Duck, Start
from amos_tools.script.dayparts import DaypartFacts
from amos_tools.simulate.inputs import TimedInput
from amos_tools.simulate.run import Event, SimStem, Step

MINUTE_S = 60
_HOLIDAY = 7
_ABOUT = {
    INPUT_LIKE: "like",
    INPUT_DISLIKE: "dislike",
    INPUT_SHUFFLE: "shuffle",
}
_PLAIN = {INPUT_SKIP: "skip", INPUT_LEAVE: "leave"}


class Mark(NamedTuple):
    """Something at a frame."""

    frame: int
    text: str


class Span(NamedTuple):
    """Something between two frames."""

    first: int
    until: int
    text: str


class Marks(NamedTuple):
    """What a picture tells of the world around the music."""

    dayparts: Sequence[Span] = ()
    announcements: Sequence[Span] = ()
    inputs: Sequence[Mark] = ()


NO_MARKS = Marks()


class Announcements:
    """A watcher of what is announced: `spans` in order."""

    def __init__(self, score: Score) -> None:
        self.spans: list[Span] = []
        self._score = score
        self._names = {item.stem: item.name for item in score.announcements or () if item.stem is not None}

    def event(self, event: Event | Duck) -> None:
        """Take one event of the VM."""
        if isinstance(event, Start) and event.voice == self._score.voices - 1 and event.stem in self._names:
            self.spans.append(Span(event.frame, event.frame + event.frames, self._names[event.stem]))
        elif isinstance(event, Duck) and event.voice < 0:
            self.spans.append(Span(event.frame, event.until_frame, self._spoken(event)))

    def step(self, step: Step) -> None:
        """Events say it all."""

    def finish(self) -> None:
        """Nothing is left to do."""

    def _spoken(self, event: Duck) -> str:
        """Which announcement without a stem the music makes room for: it begins up to a ramp after the duck."""
        longest = event.until_frame - event.frame
        for item in self._score.announcements or ():
            if item.stem is None and longest - event.ramp_frames <= item.frames <= longest:
                return item.name
        return "announcement"


def input_marks(inputs: Sequence[TimedInput], score: Score, stems: Sequence[SimStem]) -> list[Mark]:
    """A mark for each input but those that tell the time."""
    return [Mark(item.frame, _words(item, score, stems)) for item in inputs if item.kind != INPUT_CLOCK]


def daypart_spans(
    dayparts: Sequence[DaypartFacts], start: int | None, frames: int, rate_hz: int, sections: Sequence[str] = ()
) -> list[Span]:
    """When each part of the day holds in a run that begins at the clock value `start`; none without a clock. One that
    leads to one of the `sections` says so.

    A holiday lasts until midnight, as the player takes it.
    """
    if start is None:
        return []
    day, second = divmod(start, DAY_SECONDS)
    weekday, holiday = divmod(day, 2)
    spans = []
    for number in range(-1, (second + frames // rate_hz) // DAY_SECONDS + 1):
        bit = 1 << (_HOLIDAY if holiday and number == 0 else (weekday + number) % _HOLIDAY)
        midnight = (number * DAY_SECONDS - second) * rate_hz
        for part in dayparts:
            first = max(0, midnight + part.from_minute * MINUTE_S * rate_hz)
            until = min(frames, midnight + part.until_minute * MINUTE_S * rate_hz)
            if part.days & bit and first < until:
                leads = "" if part.section is None else f" → {sections[part.section]}"
                spans.append(Span(first, until, part.name + leads))
    return sorted(spans)


def _words(item: TimedInput, score: Score, stems: Sequence[SimStem]) -> str:
    kind, value = item.kind, item.value
    if kind >= INPUT_SLIDER:
        slider = score.sliders[kind - INPUT_SLIDER]
        return f"{slider.name} {slider.value(value) / 32768:.3g}"
    if kind in _ABOUT:
        return f"{_ABOUT[kind]} {stems[value - 1].title if value else 'all'}"
    if kind == INPUT_PAUSE:
        return "pause" if value else "resume"
    if kind == INPUT_ANNOUNCE:
        return f"announce {(score.announcements or [])[value].name}"
    if kind == INPUT_VOLUME:
        return f"volume {20 * math.log10(value / 32768):.3g} dB"
    if kind in (INPUT_BLOCK, INPUT_BLOCK_MANY):
        return (
            f"withdrawn {', '.join(stems[stem].title for stem in ([value] if kind == INPUT_BLOCK else blocked(value)))}"
        )
    return _PLAIN[kind]
