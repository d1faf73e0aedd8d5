"""The VM gives the same placements on every runtime and for any step, and never needs a voice it does not have."""

from hashlib import sha256

from amos.protocol.cbor import Tag, dumps
from amos.score.beats import BeatClock
from amos.score.draw import below, draw
from amos.score.inputs import INPUT_DISLIKE, INPUT_SKIP, INPUT_SLIDER, InputRefused
from amos.score.rules import REACT_DISLIKE
from amos.score.score import AT_END, ScoreError, decode_score
from amos.score.vm import Vm
from amos.sound.events import Duck, Level, Section, Start, Stop, Volume
from test_score import follow, indexes, layer, score_map, section, words

SEED = bytes(range(32))
BEAT = 24000
BAR = 4 * BEAT
STEM_FRAMES = [8 * BAR, 4 * BAR, 12 * BAR + 77, 4 * BAR + 100, 6 * BAR - 100, 3 * BEAT, 2 * BAR]
GAINS = [32767, 20000, 16384, 30000, 8000, 32767, 1]


def vm_of(memory=None, seed=SEED, stem_frames=None, plan=None, gains=None, **changes):
    score = decode_score(dumps(score_map(**changes)))
    frames = stem_frames or STEM_FRAMES[: score.stems]
    gains = ((gains or GAINS) + [32767] * len(frames))[: len(frames)]
    return Vm(score, frames, gains, seed, memory, plan)


def row(event):
    if isinstance(event, Start):
        return (
            event.frame,
            "start",
            event.voice,
            event.stem,
            event.frames,
            event.gain_q15,
            event.fade_in,
            event.fade_out,
        )
    if isinstance(event, Duck):
        return event.frame, "duck", event.until_frame, event.gain_q15, event.ramp_frames, event.voice
    if isinstance(event, Stop):
        return event.frame, "stop", event.voice, event.fade
    if isinstance(event, Volume):
        return event.frame, "turn", event.gain_q15
    if isinstance(event, Level):
        return event.frame, "level", event.voice, event.level_q15, event.frames
    return event.frame, "section", event.section


def announced(name, stem=None, minute=None, days=255, exact=True, duck=True, frames=BAR, more=None):
    """An announcement as it stands in a score."""
    result = {1: name, 4: days, 5: exact, 6: duck, 7: 32768, 8: frames}
    if stem is not None:
        result[2] = stem
    if minute is not None:
        result[3] = minute
    if more is not None:
        result[9] = Tag(69, b"".join([number.to_bytes(2, "little") for number in more]))
    return result


def rows(events):
    return [row(event) for event in events]


def starts(events, stems=None):
    return [event for event in events if isinstance(event, Start) and (stems is None or event.stem in stems)]


def test_a_draw_is_the_hash_of_its_place():
    assert draw(SEED, 0, 0, 0) == int.from_bytes(sha256(SEED + bytes(16)).digest()[:8], "little")
    place = b"\1\0\0\0\0\0\0\0" + b"\2\0\0\0" + b"\3\0\0\0"
    assert draw(SEED, 1, 2, 3) == int.from_bytes(sha256(SEED + place).digest()[:8], "little")
    assert below(0, 7) == 0 and below(2**64 - 1, 7) == 6


def test_the_beat_clock_is_exact():
    clock = BeatClock(44100, 84123)
    for beat in (0, 1, 7, 84123, 10**9):
        frame = clock.frame(beat)
        assert frame == beat * 44100 * 60000 // 84123
        assert clock.first_beat_from(frame) == beat and clock.last_beat_until(frame) == beat
        assert clock.first_beat_from(frame + 1) == beat + 1 and clock.last_beat_until(frame - 1) == beat - 1


def test_placements_are_the_same_on_every_runtime():
    vm = vm_of()
    vm.input(INPUT_SLIDER, 30000, 40 * BAR)
    vm.input(INPUT_SKIP, 0, 60 * BAR + 12345)
    text = "\n".join([str(item) for item in rows(vm.advance(400 * BAR))])
    assert sha256(text.encode()).digest().hex()[:16] == "2bab7678c34ab082"


def test_any_step_gives_the_same_events():
    for step, bars in ((64, 9), (4096, 60), (BEAT, 100), (3 * BAR + 1, 300)):
        whole = rows(vm_of().advance(bars * BAR))
        vm = vm_of()
        pieces = []
        for until in range(step, bars * BAR + step, step):
            piece = vm.advance(min(until, bars * BAR))
            assert all([until - step <= event.frame < until for event in piece])
            pieces.extend(piece)
        assert rows(pieces) == whole, step


def test_a_voice_is_free_when_it_starts_and_stems_stay_in_their_pools():
    busy = [0] * 8
    frame = 0
    for event in vm_of().advance(1000 * BAR):
        assert event.frame >= frame
        frame = event.frame
        if isinstance(event, Start):
            assert busy[event.voice] <= frame
            assert 0 < event.frames <= STEM_FRAMES[event.stem] and 0 <= event.gain_q15 <= 32767
            assert event.fade_in + event.fade_out <= event.frames
            busy[event.voice] = frame + event.frames
        elif isinstance(event, Stop):
            assert busy[event.voice] > frame and 0 < event.fade <= busy[event.voice] - frame
            busy[event.voice] = frame + event.fade


def test_at_one_frame_stops_come_before_the_section_and_starts_after():
    order = {"stop": 0, "section": 1, "start": 2}
    previous = (0, 0)
    for item in rows(vm_of().advance(500 * BAR)):
        key = (item[0], order[item[1]])
        assert key >= previous
        previous = key


def test_no_immediate_repeats_within_a_pool():
    vm = vm_of()
    pads = [event.stem for event in starts(vm.advance(500 * BAR), (0, 1, 2))]
    assert len(pads) > 50 and set(pads) == {0, 1, 2}
    assert all([pads[index] != pads[index + 1] for index in range(len(pads) - 1)])
    assert vm.relaxed() == (0, 0)


def test_a_pool_of_one_repeats_rather_than_fall_silent():
    only = [section("a", 4, 4, [layer(1, 0)], [])]
    vm = vm_of(sections=only, pools=[{1: indexes(0)}], stems=1, stem_frames=[2 * BAR])
    begun = [event.frame for event in starts(vm.advance(10 * BAR))]
    assert begun == [0, 2 * BAR, 4 * BAR, 6 * BAR, 8 * BAR]
    assert vm.relaxed() == (4, 0)


def test_a_fade_overlaps_the_next_stem():
    only = [section("a", 8, 8, [layer(1, 0, fade=BAR)], [])]
    vm = vm_of(sections=only, pools=[{1: indexes(0, 1)}], stems=2, stem_frames=[4 * BAR, 4 * BAR + 9])
    found = starts(vm.advance(20 * BAR))
    assert [event.frame for event in found[:4]] == [0, 3 * BAR, 6 * BAR, 9 * BAR]
    assert all([event.frames == 4 * BAR and event.fade_in == event.fade_out == BAR for event in found])


def test_loops_a_little_long_keep_the_grid_and_short_ones_wait_for_it():
    only = [section("a", 8, 8, [layer(1, 0)], [])]
    vm = vm_of(sections=only, pools=[{1: indexes(0, 1)}], stems=2, stem_frames=[4 * BAR + 300, 3 * BEAT])
    for event in starts(vm.advance(64 * BAR)):
        assert event.frame % BAR == 0
        assert event.frames == (4 * BAR, 3 * BEAT)[event.stem]


def test_stems_of_any_length_and_fade_play():
    for length in (1, 2, 63, 1000, BEAT - 1, BAR + 1, 50 * BAR):
        for fade in (0, 1, 5000, BAR, 3 * BAR):
            only = [section("a", 4, 6, [layer(1, 0, fade=fade, count_max=2)], [follow(0)])]
            vm = vm_of(sections=only, pools=[{1: indexes(0, 1)}], stems=2, stem_frames=[length, length])
            found = starts(vm.advance(120 * BAR))
            assert found and all([0 < event.frames <= length for event in found]), (length, fade)


def test_the_same_layer_plays_on_into_the_next_section():
    same = [
        section("a", 2, 2, [layer(1, 0)], [follow(1)]),
        section("b", 2, 2, [layer(1, 0), layer(2, 1)], [follow(0)]),
    ]
    events = vm_of(sections=same).advance(40 * BAR)
    stopped = [event for event in events if isinstance(event, Stop)]
    assert stopped and all([event.frame % (4 * BAR) == 0 for event in stopped]), "only layer 2 ever stops, after b"
    assert len([event for event in events if isinstance(event, Section)]) == 20


def test_adding_a_layer_leaves_the_others_as_they_were():
    def pads(layers):
        only = [section("a", 8, 16, layers, [follow(0)])]
        found = starts(vm_of(sections=only).advance(300 * BAR), (0, 1, 2))
        return [(event.frame, event.stem, event.frames) for event in found]

    one, other = layer(1, 0, fade=BEAT), layer(7, 1, count_max=3)
    assert pads([one]) == pads([other, one]) == pads([one, other])


def test_sliders_take_effect_from_their_frame():
    chance = [section("a", 8, 8, [layer(1, 0, chance=words(1, 0))], [])]
    vm = vm_of(sections=chance, stem_frames=[BAR] * 7)
    vm.input(INPUT_SLIDER, 0, 0)
    vm.input(INPUT_SLIDER, 32768, 20 * BAR)
    vm.input(INPUT_SLIDER, 0, 30 * BAR)
    begun = [event.frame for event in starts(vm.advance(60 * BAR))]
    assert begun == [bar * BAR for bar in range(20, 30)]


def test_a_skip_changes_the_section_at_its_frame():
    vm = vm_of()
    vm.advance(2 * BAR)
    at = 2 * BAR + 999
    vm.input(INPUT_SKIP, 0, at)
    events = vm.advance(10 * BAR)
    entered = [event for event in events if isinstance(event, Section)]
    assert entered[0].frame == at and entered[0].section != 0
    assert next(event.frame for event in events if isinstance(event, Stop)) == at


def test_skips_in_a_row_wait_for_the_fade():
    vm = vm_of()
    vm.input(INPUT_SKIP, 0, BAR)
    for frame in range(BAR, 2 * BAR, 5000):
        vm.input(INPUT_SKIP, 0, frame)
    entered = [event.frame for event in vm.advance(2 * BAR + 1) if isinstance(event, Section)]
    assert entered == [0, BAR, 2 * BAR]


def test_refuses_inputs_by_name():
    vm = vm_of()
    vm.advance(1000)
    for kind, value, frame in ((INPUT_SKIP, 0, 999), (11, 0, 2000), (INPUT_SLIDER + 1, 0, 2000), (16, 32769, 2000)):
        try:
            vm.input(kind, value, frame)
        except InputRefused:
            continue
        raise AssertionError((kind, value, frame))
    for _ in range(128):
        vm.input(INPUT_SKIP, 0, 10**12)
    try:
        vm.input(INPUT_SKIP, 0, 10**12)
    except InputRefused as error:
        assert "128" in str(error)
    else:
        raise AssertionError("expected a limit")


def test_the_start_state_is_what_the_session_started_from():
    vm = vm_of()
    before = vm.start_state()
    assert before == vm.memory()
    vm.advance(50 * BAR)
    assert vm.start_state() == before and vm.memory() != before
    again = vm_of(memory=vm.memory())
    assert again.start_state() == vm.memory()
    try:
        vm_of(memory=vm.memory(), voices=9)
    except ScoreError as error:
        assert "memory" in str(error)
    else:
        raise AssertionError("memory of another score")


def test_refuses_a_pack_that_does_not_fit():
    for frames, gains, seed in (([1] * 6, [1] * 7, SEED), ([0] * 7, [1] * 7, SEED), ([1] * 7, [40000] * 7, SEED)):
        try:
            Vm(decode_score(dumps(score_map())), frames, gains, seed)
        except ScoreError:
            continue
        raise AssertionError((frames, gains))
    try:
        vm_of(seed=b"short")
    except ScoreError as error:
        assert "32 bytes" in str(error)
    else:
        raise AssertionError("a short seed")


def test_a_swap_at_the_end_of_a_section_that_follows_itself_waits_for_its_voice():
    reactions = [{1: REACT_DISLIKE, 3: AT_END}]
    rules = [{1: 0, 2: 0, 3: 2 * BEAT, 4: 0}]
    for voices in (1, 2):
        vm = vm_of(
            voices=voices,
            stem_frames=[7 * BAR] * 3,
            stems=3,
            pools=[{1: indexes(0, 1, 2)}],
            sections=[section("a", 2, 2, [layer(1, 0)], [])],
            transitions=rules,
            reactions=reactions,
        )
        events = vm.advance(BAR)
        for bar in range(1, 60, 2):
            vm.input(INPUT_DISLIKE, 0, bar * BAR)
        begun = [event.frame for event in starts(events + vm.advance(60 * BAR))]
        if voices == 2:
            assert begun == [bar * BAR for bar in range(0, 60, 2)]
        else:
            assert len(begun) > 15 and begun[-1] >= 56 * BAR
