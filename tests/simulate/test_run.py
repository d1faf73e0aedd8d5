"""A simulated run is the player's: the same events and the same meter, and it holds no more for more hours."""

import gc
import os
import tracemalloc
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.score.inputs import INPUT_SKIP, INPUT_SLIDER
from amos.score.score import Score
from amos.score.vm import Vm
from amos.sound.events import Section, Start, Stop
from amos.sound.meter import Meter
from amos_tools.simulate import SimStem, Step, TimedInput, simulate, watch
from amos_tools.simulate.day import Day
from amos_tools.simulate.run import Event, frames_in
from amos_tools.simulate.tally import Tally

SEED = bytes(range(32))
MINUTES_10 = Fraction(1, 6)


def player_frames(score: Score, stems: Sequence[SimStem], inputs: Sequence[TimedInput], end: int) -> list[int]:
    """Frames of each stem as a player's meter counts them, in blocks of 4096."""
    vm = Vm(score, [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], SEED)
    for item in inputs:
        vm.input(item.kind, item.value, item.frame)
    meter = Meter(score.voices)
    frames = [0] * len(stems)
    at = 0
    while at < end:
        until = min(at + 4096, end)
        for event in vm.advance(at + 4096 + 64):
            if isinstance(event, Start):
                meter.start(event)
            elif isinstance(event, Stop):
                meter.stop(event)
        meter.delivered(until) if until < end else meter.abort(until)
        for stem, _start, count, _flags in meter.take_ended():
            frames[stem] += count
        at = until
    return frames


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 600 * 22_050), st.booleans(), st.integers(0, 32768)), max_size=20))
def test_stem_frames_are_those_of_a_player(
    score: Score, stems: list[SimStem], given: list[tuple[int, bool, int]]
) -> None:
    inputs = sorted(TimedInput(at, INPUT_SKIP if skip else INPUT_SLIDER, value) for at, skip, value in given)
    totals = simulate(score, stems, SEED, MINUTES_10, inputs=inputs)
    assert list(totals.stem_frames) == player_frames(score, stems, inputs, totals.frames)


def test_a_loop_that_sounds_on_under_the_fade_of_its_section_does_not_follow_itself(
    score: Score, stems: list[SimStem]
) -> None:
    tally = Tally(score, stems)
    for event in (
        Section(0, 0),
        Start(0, 0, 0, 8000, 32767, 64, 1024),
        Section(8000, 0),
        Start(8000, 1, 0, 4000, 32767, 64, 3936),
        Start(16_000, 0, 0, 8000, 32767, 64, 1024),
    ):
        tally.event(event)
    assert (tally.by_stem[0].plays, tally.by_stem[0].repeats, tally.by_stem[0].again_frames) == (3, 1, 16_000)


def test_rows_cover_what_the_tally_counts(score: Score, stems: list[SimStem]) -> None:
    tally = Tally(score, stems)
    events: list[Event] = []
    sounding = bytearray(int(MINUTES_10 * 3600) * score.rate_hz)

    def on_event(event: Event) -> None:
        tally.event(event)
        events.append(event)

    def on_step(step: Step) -> None:
        tally.step(step)
        for _stem, start, frames, _flags in step.ended:
            sounding[start : start + frames] = bytes(value + 1 for value in sounding[start : start + frames])

    totals = simulate(score, stems, SEED, MINUTES_10, on_event, on_step=on_step)
    tally.finish()
    assert [stem.frames for stem in tally.by_stem] == list(totals.stem_frames)
    assert sum(section.frames for section in tally.sections) == totals.frames == len(sounding)
    assert tally.voice_frames == [sounding.count(count) for count in range(score.voices + 1)]
    assert tally.silent_frames == totals.silent_frames > 0
    assert tally.longest_rest.frames == max(map(len, bytes(map(bool, sounding)).split(b"\x01")))
    assert sum(stem.plays for stem in tally.by_stem) == sum(isinstance(event, Start) for event in events)
    assert sum(section.visits for section in tally.sections) == sum(isinstance(event, Section) for event in events)
    assert [event.frame for event in events] == sorted(event.frame for event in events)


def test_a_seed_gives_one_run_and_another_seed_another(score: Score, stems: list[SimStem]) -> None:
    first, again, other = (simulate(score, stems, seed, MINUTES_10) for seed in (SEED, SEED, bytes(32)))
    assert first == again != other


def test_an_input_changes_nothing_before_it(score: Score, stems: list[SimStem]) -> None:
    at = 203 * score.rate_hz
    runs: list[list[tuple[int, int]]] = []
    for inputs in ([], [TimedInput(at, INPUT_SKIP, 0)]):
        starts: list[tuple[int, int]] = []
        simulate(
            score,
            stems,
            SEED,
            MINUTES_10,
            lambda event, starts=starts: starts.append((event.frame, getattr(event, "stem", -1))),
            inputs=inputs,
        )
        runs.append(starts)
    before = [[start for start in starts if start[0] < at] for starts in runs]
    assert before[0] == before[1] and runs[0] != runs[1]


@pytest.mark.parametrize("hours", [0, -1, 1e9])
def test_hours_out_of_bounds_are_refused(score: Score, stems: list[SimStem], hours: float) -> None:
    with pytest.raises(ValueError, match="hours: expected more than 0 and at most"):
        simulate(score, stems, SEED, hours)


class Held:
    """Bytes of Python objects after each hour."""

    def __init__(self, rate_hz: int) -> None:
        self.hour_frames = 3600 * rate_hz
        self.bytes: list[int] = []

    def event(self, event: Event) -> None:
        pass

    def step(self, step: Step) -> None:
        if step.until // self.hour_frames > len(self.bytes):
            gc.collect()
            self.bytes.append(tracemalloc.get_traced_memory()[0])

    def finish(self) -> None:
        pass


def test_memory_does_not_grow_with_the_hours(score: Score, stems: list[SimStem]) -> None:
    """With tally and picture, over 3 hours; with AMOS_LONG=1 in the environment, over 72."""
    hours = 72 if os.environ.get("AMOS_LONG") else 3
    held = Held(score.rate_hz)
    watchers = [Tally(score, stems), Day(score, len(stems), frames_in(hours, score.rate_hz)), held]
    tracemalloc.start()
    try:
        watch(score, stems, SEED, hours, watchers)
    finally:
        tracemalloc.stop()
    assert len(held.bytes) == hours
    assert max(held.bytes[1:]) - held.bytes[0] < 32 * 1024
