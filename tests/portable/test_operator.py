"""What an operator does to a session: turns the volume, pauses, goes on. Inputs like all others, replayed like all."""

from hashlib import sha256

from amos.score.inputs import INPUT_ANNOUNCE, INPUT_PAUSE, INPUT_SKIP, INPUT_VOLUME, InputRefused
from amos.score.memory import volume_q15_of
from amos.score.score import RenderPlan
from amos.session.performance import Performance
from amos.sound.events import Section, Start, Stop, Volume
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer
from test_mixer import noise
from test_score import follow, indexes, layer, section
from test_vm import BAR, BEAT, announced, rows, starts, vm_of

TWO = [section("a", 8, 8, [layer(1, 0)], [follow(1)]), section("b", 8, 8, [layer(2, 0)], [follow(0)])]
STEMS = 4


def looped(**changes):
    """Two sections of eight bars, one layer each, over loops of two bars."""
    changes.setdefault("sections", TWO)
    return vm_of(stems=STEMS, stem_frames=[2 * BAR] * STEMS, pools=[{1: indexes(*range(STEMS))}], **changes)


def refused(vm, kind, value):
    try:
        vm.input(kind, value, vm.frame)
    except InputRefused as error:
        return str(error)
    return None


def test_a_pause_fades_everything_within_a_beat_and_places_nothing():
    vm = looped()
    vm.advance(BAR)
    vm.input(INPUT_PAUSE, 1, BAR + 5)
    events = vm.advance(100 * BAR)
    assert rows(events) == [(BAR + 5, "stop", 0, BEAT)] and vm.paused
    vm.input(INPUT_PAUSE, 1, vm.frame)
    vm.input(INPUT_SKIP, 0, vm.frame)
    assert vm.advance(200 * BAR) == [] and vm.section == 0, "paused is paused"


def test_the_section_begins_again_where_a_pause_ends():
    vm = looped()
    vm.advance(9 * BAR)
    assert vm.section == 1
    vm.input(INPUT_PAUSE, 1, 9 * BAR)
    vm.input(INPUT_PAUSE, 0, 50 * BAR + 7)
    events = [event for event in vm.advance(59 * BAR) if event.frame > 9 * BAR]
    assert isinstance(events[0], Section) and (events[0].frame, events[0].section) == (50 * BAR + 7, 1)
    assert isinstance(events[1], Start) and (events[1].frame, events[1].fade_in) == (50 * BAR + 7, BEAT)
    entered = [(event.frame, event.section) for event in events if isinstance(event, Section)]
    assert entered[1] == (58 * BAR + 7, 0), "bars count from where it began again"
    assert not vm.paused


def test_a_pause_that_ends_at_once_waits_for_its_fade():
    vm = looped()
    vm.advance(BAR)
    for _ in range(3):
        vm.input(INPUT_PAUSE, 1, BAR)
        vm.input(INPUT_PAUSE, 0, BAR + 1)
    events = vm.advance(2 * BAR)
    assert [event.frame for event in events if isinstance(event, Stop)] == [BAR]
    assert [event.frame for event in starts(events)] == [BAR + BEAT], "voices were proved for one section and one fade"


def test_the_last_word_of_a_pause_holds():
    vm = looped()
    vm.advance(BAR)
    for value, frame in ((1, BAR), (0, BAR + 1), (1, BAR + 2)):
        vm.input(INPUT_PAUSE, value, frame)
    assert starts(vm.advance(50 * BAR)) == [] and vm.paused, "the way back was under way, and is taken back"


def test_paused_before_the_first_frame():
    vm = looped()
    vm.input(INPUT_PAUSE, 1, 0)
    assert starts(vm.advance(10 * BAR)) == []
    vm.input(INPUT_PAUSE, 0, 10 * BAR)
    assert starts(vm.advance(10 * BAR + 1))[0].frame == 10 * BAR


def test_nothing_is_announced_while_paused():
    vm = looped(announcements=[announced("a", 3)], duck_gain=8000, duck_ramp=100)
    vm.advance(BAR)
    vm.input(INPUT_ANNOUNCE, 0, BAR)
    events = vm.advance(BAR + 300)
    assert starts(events)[0].voice == vm.score.voices - 1
    vm.input(INPUT_PAUSE, 1, BAR + 300)
    vm.input(INPUT_ANNOUNCE, 0, BAR + 400)
    events = vm.advance(20 * BAR)
    assert sorted([event.voice for event in events]) == [0, vm.score.voices - 1], "both fade, nothing comes"
    vm.input(INPUT_PAUSE, 0, vm.frame)
    assert [event.voice for event in starts(vm.advance(vm.frame + BEAT))] == [0]


def test_a_piece_of_exact_length_has_no_pause():
    vm = looped(plan=RenderPlan(name="p", length_frames=40 * BAR, fade_frames=0, hits=[]))
    assert "exact length" in refused(vm, INPUT_PAUSE, 1)
    assert refused(vm, INPUT_VOLUME, 100) is None


def test_values_out_of_range_are_refused():
    vm = looped()
    assert refused(vm, INPUT_PAUSE, 2) == "value: expected 0 to 1, found 2"
    assert refused(vm, INPUT_VOLUME, 0) == "value: expected 1 to 32768, found 0"
    assert refused(vm, INPUT_VOLUME, 32769) is not None
    assert refused(vm, 11, 1) is not None


def turns(events):
    return [(event.frame, event.gain_q15) for event in events if isinstance(event, Volume)]


def test_the_volume_is_turned_at_the_frame_and_the_last_word_of_a_frame_holds():
    vm = looped()
    for gain in range(1, 101):
        vm.input(INPUT_VOLUME, gain, BAR)
    vm.input(INPUT_VOLUME, 100, 2 * BAR)
    vm.input(INPUT_VOLUME, 7, 3 * BAR + 1)
    assert turns(vm.advance(9 * BAR)) == [(BAR, 100), (3 * BAR + 1, 7)]


def test_the_volume_survives_a_reboot_and_a_change_of_pack():
    vm = looped()
    untouched = vm.start_state()
    vm.input(INPUT_VOLUME, 8000, 0)
    vm.advance(BAR)
    again = looped(memory=vm.memory())
    assert again.start_state() != untouched
    assert turns(again.advance(BAR)) == [(0, 8000)]
    assert volume_q15_of(again.memory()) == 8000
    again.input(INPUT_VOLUME, 32768, BAR)
    again.advance(2 * BAR)
    assert volume_q15_of(again.memory()) == volume_q15_of(None) == volume_q15_of(b"\xa1\x01\x01") == 32768


class Loop:
    """Two bars of a short noise over and over: a board has no heap for a whole stem."""

    frames = 2 * BAR
    channels = 1

    def __init__(self):
        self.once = noise(500, 5, 2)

    def read_into(self, buffer, start_frame, frame_count):
        at = start_frame * 2 % 1000
        done = 0
        while done < 2 * frame_count:
            count = min(1000 - at, 2 * frame_count - done)
            buffer[done : done + count] = self.once[at : at + count]
            done += count
            at = 0


def heard(blocks):
    """(SHA-256 of 24 bars' PCM, rows, silent frames), the volume turned and the music paused for a while."""
    vm = looped()
    for kind, value, frame in (
        (INPUT_VOLUME, 4000, 100),
        (INPUT_VOLUME, 32768, BEAT + 1),
        (INPUT_PAUSE, 1, 2 * BEAT + 9),
        (INPUT_VOLUME, 12000, 3 * BEAT),
        (INPUT_PAUSE, 0, 5 * BEAT),
    ):
        vm.input(kind, value, frame)
    meter = Meter(vm.score.voices)
    mixer = make_mixer(48000, vm.score.voices, max(blocks))
    stem = Loop()
    performance = Performance(vm, mixer, meter, lambda _index: stem)
    digest = sha256()
    end = 7 * BEAT // 64 * 64
    turn = 0
    while performance.frame < end:
        digest.update(performance.render(min(blocks[turn % len(blocks)], end - performance.frame)))
        performance.delivered(performance.frame)
        turn += 1
    return digest.digest(), sorted([row[:3] for row in meter.cut()]), meter.silent_frames


def test_what_is_paused_is_neither_heard_nor_counted_for_any_block():
    digest, counted, silent = heard((4096,))
    assert 0 <= silent - (5 * BEAT - (3 * BEAT + 9)) <= 2, "but for the frames in which a fade is 0"
    frames = 7 * BEAT // 64 * 64
    assert sum([row[2] for row in counted]) == frames - silent
    assert (digest, counted, silent) == heard((64, 1024, 192))
    told = "".join(["%02x" % byte for byte in digest[:8]])
    assert (told, counted, silent) == ("325f5fad53f5ea39", [(0, 120001, 47999), (3, 1, 72008)], 47993)
