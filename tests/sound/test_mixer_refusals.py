"""What the mixer takes and refuses: clock, voices, ranges, sizes."""

from collections.abc import Callable

import pytest
from mixer_reference import level

from amos.sound.events import Duck, Start, Stop
from amos.sound.mixer import EVENTS_PENDING_MAX, Mixer, make_mixer

OPERATOR_CHANGES_MAX = 1026

DUCKS_MAX = 64

STEM = level(1000, 1000)


def mixer_for(backend: str = "plain") -> Mixer:
    return make_mixer(48000, 2, 256, backend=backend)


def start(
    frame: int = 0, voice: int = 0, frames: int = 100, gain: int = 9, fade_in: int = 0, fade_out: int = 0
) -> Start:
    return Start(frame, voice, 0, frames, gain, fade_in, fade_out)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (start(voice=2), "voice: expected 0 to 1, got 2"),
        (start(voice=-1), "voice: expected 0 to 1, got -1"),
        (start(frames=1001), "start.frames: expected 1 to 1000, got 1001"),
        (start(frames=0), "start.frames: expected 1 to 1000, got 0"),
        (start(gain=32768), "start.gain_q15: expected 0 to 32767, got 32768"),
        (start(fade_in=101), "start.fade_in: expected 0 to 100, got 101"),
        (start(fade_out=-1), "start.fade_out: expected 0 to 100, got -1"),
        (start(frame=-1), "event.frame: expected 0 or later, got -1"),
    ],
)
def test_start_refuses(event: Start, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        mixer_for().start(event, STEM)
    assert str(refused.value) == sentence


def test_stop_refuses_a_negative_fade() -> None:
    with pytest.raises(ValueError, match=r"stop\.fade"):
        mixer_for().stop(Stop(0, 0, -1))


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (Duck(-1, 5, 9, 0), "event.frame: expected 0 or later, got -1"),
        (Duck(0, 5, 32769, 0), "duck.gain_q15: expected 0 to 32768, got 32769"),
        (Duck(9, 8, 9, 0), "duck: expected 0 to"),
        (Duck(0, 5, 9, -1), "duck: expected 0 to"),
        (Duck(0, 1 << 31, 9, 0), "duck: expected 0 to"),
        (Duck(0, 5, 9, 0, 2), "voice: expected -1 to 1, got 2"),
    ],
)
def test_duck_refuses(event: Duck, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        mixer_for().duck(event)
    assert str(refused.value).startswith(sentence)


def test_ducks_and_turns_without_end_are_refused_at_some_point() -> None:
    mixer = mixer_for()
    for _ in range(DUCKS_MAX):
        mixer.duck(Duck(0, 100, 9, 0))
    with pytest.raises(ValueError, match="ducks: expected at most"):
        mixer.duck(Duck(0, 100, 9, 0))
    for border in range(OPERATOR_CHANGES_MAX):
        mixer.set_volume(64 * border, 9)
    last = 64 * OPERATOR_CHANGES_MAX
    mixer.set_volume(last - 64, 10)
    with pytest.raises(ValueError, match="operator gains pending"):
        mixer.set_volume(last, 9)
    for _ in range(2):
        mixer.render(256)
    mixer.duck(Duck(last, last + 100, 9, 0))
    mixer.set_volume(last, 9)


@pytest.mark.parametrize(("frame", "gain"), [(-1, 9), (0, 0), (0, 32769)])
def test_turn_refuses(frame: int, gain: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        mixer_for().set_volume(frame, gain)


def test_refused_start_leaves_the_voice_free() -> None:
    mixer = mixer_for()
    mixer.start(start(50, voice=1), STEM)
    with pytest.raises(ValueError, match=r"event\.frame: expected 50"):
        mixer.start(start(49), STEM)
    mixer.start(start(50), STEM)


def test_voice_takes_a_start_when_its_placement_is_over_and_not_before() -> None:
    mixer = mixer_for()
    mixer.start(start(0), STEM)
    with pytest.raises(ValueError, match="voice 0: sounds until frame 100, got a start at 99"):
        mixer.start(start(99), STEM)
    mixer.stop(Stop(20, 0, 30))
    with pytest.raises(ValueError, match="until frame 50"):
        mixer.start(start(49), STEM)
    mixer.start(start(50), STEM)


def test_events_of_what_is_rendered_come_too_late() -> None:
    mixer = mixer_for()
    mixer.render(128)
    assert (mixer.frame, mixer.event_frame) == (128, 192)
    with pytest.raises(ValueError, match="expected 192 or later, got 191"):
        mixer.start(start(191), STEM)
    mixer.start(start(192), STEM)


def test_stop_of_a_free_voice_does_nothing() -> None:
    mixer = mixer_for()
    mixer.stop(Stop(0, 0, 10))
    assert not any(mixer.render(256))


@pytest.mark.parametrize("frames", [0, 32, 65, 320])
def test_render_refuses(frames: int) -> None:
    with pytest.raises(ValueError, match="frames"):
        mixer_for().render(frames)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_mixer(0, 2, 256),
        lambda: make_mixer(48000, 33, 256),
        lambda: make_mixer(48000, 2, 100),
        lambda: make_mixer(48000, 2, 65536 + 64),
        lambda: make_mixer(48000, 2, 256, 0),
        lambda: make_mixer(48000, 2, 256, 32769),
        lambda: make_mixer(48000, 2, 256, ceiling=1023),
        lambda: make_mixer(48000, 2, 256, ceiling=32768),
        lambda: make_mixer(48000, 2, 256, backend="abacus"),
    ],
)
def test_make_mixer_refuses(make: Callable[[], Mixer]) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()


def test_events_that_nobody_renders_are_refused_at_some_point() -> None:
    mixer = mixer_for()
    for frame in range(EVENTS_PENDING_MAX):
        mixer.stop(Stop(frame, 0, 0))
    with pytest.raises(ValueError, match="events pending"):
        mixer.stop(Stop(EVENTS_PENDING_MAX, 0, 0))


@pytest.mark.parametrize("backend", ["numpy", "plain"])
def test_rendered_view_has_the_size_asked_for(backend: str) -> None:
    mixer = mixer_for(backend)
    assert [len(mixer.render(frames)) for frames in (64, 256, 128, 128)] == [256, 1024, 512, 512]
