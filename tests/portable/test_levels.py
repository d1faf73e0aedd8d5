"""Layers whose gain moves: with sliders and over time, the same on every runtime and for any step."""

from hashlib import sha256

from amos.score.decibels import DECIBELS_Q15, gain_of
from amos.score.expression import ADD, CONST, MULTIPLY, ONE, SLIDER
from amos.score.inputs import INPUT_PAUSE, INPUT_SHUFFLE, INPUT_SKIP, INPUT_SLIDER
from amos.sound.events import Level, Section, Start
from amos.sound.glide import Glide
from test_score import follow, indexes, layer, section, words
from test_vm import BAR, BEAT, rows, starts, vm_of

BY_SLIDER = words(CONST, -12 * ONE, CONST, 12 * ONE, SLIDER, 0, MULTIPLY, ADD)
OVER_TIME = words(CONST, -12 * ONE, CONST, 12 * ONE, SLIDER, 1, MULTIPLY, ADD)
HALF_WAY = 16423  # -6 dB


def levels(events):
    return [event for event in events if isinstance(event, Level)]


def one_layer(bars=4, **changes):
    """A section that follows itself, of one layer."""
    return {"version": 2, "sections": [section("a", bars, bars, [layer(1, 0, **changes)], [follow(0)])]}


def heard(events):
    """(frame, level) of each voice wherever a glide of it begins or ends."""
    voices, found = {}, []
    for event in events:
        if isinstance(event, Start):
            voices[event.voice] = Glide(event.level_q15)
            found.append((event.frame, event.level_q15))
        elif isinstance(event, Level):
            found.append((event.frame, voices[event.voice].at(event.frame)))
            voices[event.voice].go(event.frame, event.level_q15, event.frames)
            found.append((event.frame + event.frames, event.level_q15))
    return found


def test_decibels_are_gains():
    assert DECIBELS_Q15[0] == ONE and gain_of(0) == gain_of(5 * ONE) == ONE
    for step in range(21):
        assert abs(DECIBELS_Q15[step] - 32768 * 10 ** (-step / 20)) <= 0.5
    previous = ONE
    for tenths in range(1200):
        gain = gain_of(-tenths * ONE // 10)
        exact = 32768 * 10 ** (-tenths / 200)
        assert gain <= previous and exact * 0.9999 - 1 <= gain <= exact * 1.0018 + 1, tenths
        previous = gain
    assert gain_of(-100 * ONE) == gain_of(-(1 << 30) + 1) == 0


def test_a_layer_follows_a_slider_from_the_next_beat_on_within_a_beat():
    vm = vm_of(**one_layer(level=BY_SLIDER))
    at = 5 * BEAT + 64
    vm.input(INPUT_SLIDER, ONE, at)
    events = vm.advance(16 * BEAT)
    assert starts(events)[0].level_q15 == HALF_WAY
    assert [(e.frame, e.level_q15, e.frames) for e in levels(events)] == [(6 * BEAT, ONE, BEAT)]


def test_a_slider_that_slews_is_followed_beat_by_beat_in_one_line():
    slow = [{1: "calm", 2: 0, 3: ONE, 4: 0, 6: 8 * BEAT}]
    vm = vm_of(sliders=slow, **one_layer(8, level=BY_SLIDER))
    vm.input(INPUT_SLIDER, ONE, 64)
    found = heard(vm.advance(8 * BAR))
    assert found[0] == (0, gain_of(-12 * ONE)) and found[-1][1] == ONE
    assert found[-1][0] == 10 * BEAT  # it is there after 8 beats and a bit: settled at the ninth, there at the tenth
    for index in range(len(found) - 1):
        (frame, level), (next_frame, next_level) = found[index], found[index + 1]
        assert frame <= next_frame and (frame < next_frame or level == next_level)


def test_a_gain_over_time_goes_from_the_entry_of_its_layer_and_stays():
    vm = vm_of(**one_layer(8, level=OVER_TIME, rise=2 * BAR, enter=4))
    events = vm.advance(8 * BAR)
    assert starts(events)[0].frame == BAR and starts(events)[0].level_q15 == gain_of(-12 * ONE)
    found = heard(events)
    assert (2 * BAR, HALF_WAY) in found and found[-1] == (3 * BAR, ONE)
    assert len(levels(events)) == 8


def test_what_plays_on_keeps_its_way_and_what_does_not_begins_anew():
    for skip in (False, True):
        vm = vm_of(**one_layer(2, level=OVER_TIME, rise=4 * BAR))
        if skip:
            vm = vm_of(
                version=2,
                sections=[
                    section("a", 2, 2, [layer(1, 0, level=OVER_TIME, rise=4 * BAR)], [follow(1)]),
                    section("b", 2, 2, [layer(1, 1, level=OVER_TIME, rise=4 * BAR)], [follow(0)]),
                ],
            )
        events = vm.advance(4 * BAR)
        assert [event.frame for event in events if isinstance(event, Section)] == [0, 2 * BAR]
        begun = [event for event in starts(events) if event.frame == 2 * BAR]
        assert not skip or begun[0].level_q15 == gain_of(-12 * ONE)
        assert heard(events)[-1] == (4 * BAR, HALF_WAY if skip else ONE)


def test_any_step_gives_the_same_events_and_no_voice_jumps():
    def played(step):
        loops = {"beats": indexes(8, 16, 0, 16, 0, 3, 8)}
        sections = [
            section(
                "a",
                4,
                4,
                [layer(1, 0, fade=BEAT, level=BY_SLIDER, count_max=2), layer(2, 1, level=OVER_TIME, rise=5 * BEAT)],
                [follow(1)],
            ),
            section("b", 2, 3, [layer(1, 0, fade=BEAT, level=BY_SLIDER), layer(3, 1)], [follow(0)]),
        ]
        transitions = [{1: 0, 2: 0, 3: BAR, 4: BEAT}]
        vm = vm_of(version=2, voices=12, sections=sections, transitions=transitions, **loops)
        for number in range(40):
            vm.input(INPUT_SLIDER, (number * 9973) % 32769, number * 2 * BAR // 3 // 64 * 64)
        vm.input(INPUT_SHUFFLE, 0, 9 * BAR + 640)
        vm.input(INPUT_SKIP, 0, 13 * BAR + 6400)
        vm.input(INPUT_PAUSE, 1, 20 * BAR)
        vm.input(INPUT_PAUSE, 0, 21 * BAR)
        events = []
        for until in range(step, 30 * BAR + step, step):
            events.extend(vm.advance(min(until, 30 * BAR)))
        return events

    whole = played(30 * BAR)
    assert rows(played(4096)) == rows(played(BEAT)) == rows(whole)
    # No level begins but where the one before it has come to.
    ends = {}
    for event in whole:
        if isinstance(event, Start):
            ends[event.voice] = (Glide(event.level_q15), event.frame)
        elif isinstance(event, Level):
            glide, until = ends[event.voice]
            assert event.frame >= until and 0 < event.frames <= BEAT
            glide.go(event.frame, event.level_q15, event.frames)
            ends[event.voice] = (glide, event.frame + event.frames)
    assert len(levels(whole)) > 40
    begun = [(event.frame, event.level_q15) for event in starts(whole)]
    text = "\n".join([str(item) for item in rows(whole) + begun])
    assert sha256(text.encode()).digest().hex()[:16] == "f8154a498a01061a"
