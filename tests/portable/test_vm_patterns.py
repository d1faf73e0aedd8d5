"""Layers with strokes on every runtime: exact frames, voices that suffice, and what a stroke does to the one before."""

from hashlib import sha256

from amos.score.inputs import INPUT_BLOCK, INPUT_PAUSE, INPUT_SHUFFLE, INPUT_SKIP
from amos.sound.events import Stop
from test_score import follow, indexes, layer, section, words
from test_vm import BAR, BEAT, rows, starts, vm_of
from test_vm_loops import most_at_once

EDGE = 256  # of the score: what a cut stem fades over


def struck(lane, strokes=(0, 3, 6), ticks=8, **changes):
    """A layer that strikes stems of pool 0, in eighths of a bar."""
    return layer(lane, 0, ticks=ticks, strokes=indexes(*strokes), **changes)


def strokes_vm(stem_frames, layers, bars=16, **changes):
    """A VM with one section that follows itself, and one pool of all stems."""
    count = len(stem_frames)
    changes.setdefault("sections", [section("a", bars, bars, layers, [])])
    return vm_of(stem_frames=stem_frames, stems=count, pools=[{1: indexes(*range(count))}], version=2, **changes)


def frames_of(events):
    return [event.frame for event in starts(events)]


def test_strokes_come_at_their_exact_frames_in_every_round():
    vm = strokes_vm([100], [struck(1)], bars=3)
    assert frames_of(vm.advance(6 * BAR)) == [bar * BAR + step * BAR // 8 for bar in range(6) for step in (0, 3, 6)]


def test_a_step_is_where_its_fraction_of_a_beat_is_and_nothing_adds_up():
    """Fifths of three beats at 97.3 bpm, twenty minutes long: each is the floor of its own rational frame."""
    vm = strokes_vm([100], [struck(1, (0, 1, 2, 3, 4), 5, grid=3)], bars=3, tempo=97_300)
    found = frames_of(vm.advance(1200 * 48000))
    assert len(found) > 3000
    for number, frame in enumerate(found):
        assert frame == number * 3 * 48000 * 60_000 // (5 * 97_300)


def test_a_layer_enters_and_a_cue_begins_sooner():
    vm = strokes_vm([100], [struck(1, enter=2, cue=1000)], bars=2)
    found = frames_of(vm.advance(4 * BAR))
    first = [2 * BEAT + step * BAR // 8 - 1000 for step in (0, 3, 6, 8, 11)]
    assert found == [frame + bar * BAR for bar in (0, 2) for frame in first]


def test_one_shots_longer_than_the_gap_are_cut_where_the_next_is_struck():
    vm = strokes_vm([3 * BAR], [struck(1)], voices=1)
    found = starts(vm.advance(5 * BAR))
    assert [event.frames for event in found[:3]] == [3 * BAR // 8, 3 * BAR // 8, 2 * BAR // 8]
    assert all([event.fade_out == EDGE for event in found])


def test_with_rings_the_next_stroke_that_sounds_cuts_the_former_under_itself():
    vm = strokes_vm([3 * BAR], [struck(1, rings=True)], voices=2)
    events = vm.advance(5 * BAR)
    assert all([event.frames == 3 * BAR for event in starts(events)])
    stops = [event for event in events if isinstance(event, Stop)]
    assert [event.frame for event in stops] == frames_of(events)[1:]
    assert all([event.fade == EDGE for event in stops]) and most_at_once(events) == 2
    # By chance: what is not struck cuts nothing.
    vm = strokes_vm([3 * BAR], [struck(1, rings=True, chance=words(0, 8192))], voices=2)
    events = vm.advance(50 * BAR)
    assert [event.frame for event in events if isinstance(event, Stop)] == [
        frame
        for index, frame in enumerate(frames_of(events))
        if index and frame < frames_of(events)[index - 1] + 3 * BAR
    ]


def test_count_is_how_many_strokes_sound_at_once():
    vm = strokes_vm([BAR], [struck(1, count_min=3, count_max=3)], voices=3)
    events = vm.advance(20 * BAR)
    assert most_at_once(events) == 3 and all([event.frames == BAR for event in starts(events)])
    vm = strokes_vm([4 * BAR], [struck(1, count_min=2, count_max=2, rings=True)], voices=3)
    assert most_at_once(vm.advance(20 * BAR)) == 3


def test_the_voices_are_counted():
    for more, need in (({"rings": True}, 2), ({"count_min": 2, "count_max": 2}, 2)):
        try:
            strokes_vm([BAR], [struck(1, **more)], voices=need - 1)
        except ValueError as error:
            assert "expected at most %d voices, found %d" % (need - 1, need) in str(error)
        else:
            raise AssertionError("expected a refusal")


def test_chance_is_of_each_stroke():
    vm = strokes_vm([100], [struck(1, chance=words(0, 16384))])
    found = frames_of(vm.advance(1000 * BAR))
    assert 1350 < len(found) < 1650 and {frame % BAR for frame in found} == {0, 3 * BAR // 8, 6 * BAR // 8}


def test_rules_of_plays_are_not_about_strokes():
    vm = strokes_vm([100, 100], [struck(1)], stem_plays=12, stem_seconds=3600, artist_plays=2, artists=indexes(0, 0))
    stems = [event.stem for event in starts(vm.advance(200 * BAR))]
    assert 250 < sum(stems) < 350 and vm.relaxed() == (0, 0)


def test_a_pattern_goes_on_where_its_section_follows_itself_and_begins_anew_where_it_is_cut_short():
    for grid, bars in ((4, 3), (3, 2)):
        for more in ({}, {"rings": True}, {"count_min": 2, "count_max": 2}, {"cue": 500, "rings": True}):
            vm = strokes_vm([3 * BAR], [struck(1, grid=grid, **more)], bars=bars, voices=3)
            found = frames_of(vm.advance(12 * BAR))
            cue = more.get("cue", 0)
            expected = []
            for start in range(0, 12 * BAR + bars * BAR, bars * BAR):
                for number in range(100):
                    at = number // 3 * grid * BEAT + (0, 3, 6)[number % 3] * grid * BEAT // 8
                    if at < bars * BAR and start + at - cue < 12 * BAR and at >= cue:
                        expected.append(start + at - cue)
            assert found == expected, (grid, more)


def test_a_skip_joins_the_bar_and_leaves_out_what_is_over():
    sections = [
        section("a", 8, 8, [layer(1, 0)], [follow(1)]),
        section("b", 2, 2, [struck(2)], [follow(0)]),
    ]
    vm = strokes_vm([100], [], sections=sections, transitions=[{1: 0, 2: 0, 3: BAR, 4: BAR}], beats=indexes(0))
    at = BAR + BEAT + 777
    vm.input(INPUT_SKIP, 0, at)
    found = [event for event in starts(vm.advance(3 * BAR)) if event.frame >= at]
    assert [event.frame - BAR for event in found][:5] == [BAR * step // 8 for step in (3, 6, 8, 11, 14)]
    assert all([event.fade_in == 50 for event in found[:1]])  # of the section's fade in nothing is heard in a stroke


def test_a_swap_leaves_strokes_alone_and_a_withdrawn_stem_is_struck_no_more():
    vm, plain = (strokes_vm([BAR, BAR], [struck(1, rings=True)]) for _ in (0, 1))
    vm.input(INPUT_SHUFFLE, 0, 2 * BAR + 77)
    assert rows(vm.advance(9 * BAR)) == rows(plain.advance(9 * BAR))
    vm.input(INPUT_BLOCK, 0, 9 * BAR)
    assert {event.stem for event in starts(vm.advance(40 * BAR))} == {1}


def test_a_pause_ends_strokes_and_the_pattern_begins_again():
    vm = strokes_vm([3 * BAR], [struck(1, rings=True)])
    vm.input(INPUT_PAUSE, 1, 2 * BAR + 777)
    vm.input(INPUT_PAUSE, 0, 5 * BAR + 123)
    found = [frame for frame in frames_of(vm.advance(7 * BAR)) if frame > 2 * BAR]
    assert found == [5 * BAR + 123 + step * BAR // 8 for step in (0, 3, 6, 8, 11, 14)]


def test_strokes_are_the_same_on_every_runtime_and_for_any_step():
    def playing():
        layers = [
            struck(1, (0, 29, 50, 79), 100, rings=True, chance=words(1, 0)),
            struck(2, (1, 2, 5), 7, grid=3, count_min=2, count_max=2, cue=333),
            layer(3, 0, fade=BEAT),
        ]
        sections = [section("a", 3, 5, layers, [follow(0), follow(1)]), section("b", 1, 2, layers[:1], [follow(0)])]
        vm = strokes_vm([900, BAR, 3 * BAR], [], sections=sections, tempo=97_310, voices=20)
        vm.input(INPUT_SKIP, 0, 20 * BAR + 777)
        return vm

    whole = rows(playing().advance(100 * BAR))
    assert sha256(str(whole).encode()).digest().hex()[:16] == "971611d691eed7d9"
    for step in (4096, BEAT, 7 * BAR + 1):
        vm, pieces = playing(), []
        for until in range(step, 100 * BAR + step, step):
            pieces.extend(vm.advance(min(until, 100 * BAR)))
        assert rows(pieces) == whole
