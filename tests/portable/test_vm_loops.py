"""Scores that know the beats of their stems: loops keep their beats on every runtime, and ring out under the next."""

from amos.score.inputs import INPUT_BLOCK, INPUT_DISLIKE, INPUT_SHUFFLE, INPUT_SKIP
from amos.sound.events import Section, Start, Stop
from test_score import follow, indexes, layer, refused, score_map, section
from test_vm import BAR, BEAT, rows, starts, vm_of

RELEASE = 81600  # 1.7 s
SHIFTED = {1: indexes(1), 2: indexes(4)}
"""The first beat of stem 1 lies a bar after that of the phrase."""


def loops_vm(stem_frames, beats, layers, bars=16, **changes):
    """A VM with one section, whose layers draw from the one pool of all stems."""
    count = len(stem_frames)
    changes.setdefault("sections", [section("a", bars, bars, layers, [])])
    return vm_of(
        stem_frames=stem_frames,
        stems=count,
        pools=[{1: indexes(*range(count))}],
        version=2,
        beats=indexes(*beats),
        **changes,
    )


def silent_frames(events, until):
    """Frames up to `until` in which no placement is under way."""
    ends = {}
    spans = []
    for event in events:
        if isinstance(event, Start):
            ends[event.voice] = len(spans)
            spans.append([event.frame, event.frame + event.frames])
        elif isinstance(event, Stop):
            span = spans[ends[event.voice]]
            span[1] = min(span[1], event.frame + event.fade)
    silent = reached = 0
    for begin, end in sorted(spans):
        silent += max(0, begin - reached)
        reached = max(reached, end)
    return silent + max(0, until - reached)


def most_at_once(events):
    """Voices that sound together at most."""
    busy = {}
    most = 0
    for event in events:
        if isinstance(event, Start):
            busy[event.voice] = event.frame + event.frames
            most = max(most, len([end for end in busy.values() if end > event.frame]))
        elif isinstance(event, Stop):
            busy[event.voice] = min(busy[event.voice], event.frame + event.fade)
    return most


def test_what_rings_out_sounds_under_the_next():
    hour = 1800 * 4 * BEAT // 4 * 4
    for tail in (None, RELEASE, RELEASE + 48):
        more = {"rings": True} if tail is None else {"tail": tail}
        vm = loops_vm([4 * BAR + RELEASE] * 3, [16] * 3, [layer(1, 0, grid=16, **more)])
        events = vm.advance(hour)
        assert silent_frames(events, hour) == 0, tail
        found = starts(events)
        assert [event.frame for event in found] == [4 * BAR * index for index in range(len(found))]
        assert all([event.frames == 4 * BAR + RELEASE for event in found])
        assert most_at_once(events) == 2


def test_a_loop_a_hair_short_or_long_keeps_its_beats():
    for off in (-1200, -1, 0, 1, 1200):
        for more in ({}, {"rings": True}, {"tail": BEAT}):
            vm = loops_vm([4 * BAR + off] * 3, [16] * 3, [layer(1, 0, grid=16, **more)])
            begun = [event.frame for event in starts(vm.advance(100 * BAR))]
            assert begun == [bar * BAR for bar in range(0, 100, 4)], (off, more)


def test_without_a_voice_for_it_nothing_rings_out():
    vm = loops_vm([4 * BAR + RELEASE] * 3, [16] * 3, [layer(1, 0, grid=16)], voices=1)
    found = starts(vm.advance(100 * BAR))
    assert len(found) == 25 and all([event.frames == 4 * BAR for event in found])


def test_what_rings_longer_than_the_next_lasts_fades_under_it():
    """A tail of two bars beneath a loop of one: it has one voice, which the loop after that needs."""
    vm = loops_vm([BAR + 2 * BAR, BAR], [4, 4], [layer(1, 0, rings=True)], voices=2)
    events = vm.advance(9 * BAR)
    assert most_at_once(events) == 2 and silent_frames(events, 9 * BAR) == 0
    stops = [event for event in events if isinstance(event, Stop)]
    assert stops and all([event.frame % BAR == 0 and event.fade == BAR for event in stops])


def test_ring_out_is_counted_in_the_voices():
    try:
        loops_vm([BAR], [4], [layer(1, 0, rings=True)], voices=1)
    except ValueError as error:
        assert "expected at most 1 voices, found 2" in str(error)
    else:
        raise AssertionError("expected a refusal")


def test_loops_ring_out_into_the_next_section():
    sections = [
        section("a", 4, 4, [layer(1, 0, grid=16, rings=True)], [follow(1)]),
        section("b", 4, 4, [layer(2, 0, grid=16, rings=True)], [follow(0)]),
    ]
    vm = loops_vm([4 * BAR + RELEASE] * 4, [16] * 4, [], sections=sections, transitions=[{1: 0, 2: 0, 3: BAR, 4: 0}])
    events = vm.advance(100 * BAR)
    assert silent_frames(events, 100 * BAR) == 0 and most_at_once(events) == 3
    # The loop of the section before begins once more under its fade, and its release sounds on.
    assert [event.frame for event in starts(events)[1:]] == [bar * BAR for bar in range(4, 100, 4) for _ in (0, 1)]


def test_stems_without_beats_play_as_ever():
    layers = [layer(1, 0, fade=BEAT), layer(2, 0, tail=BEAT), layer(3, 0, count_max=2)]
    lengths = [4 * BAR + 100, 3 * BEAT, 7 * BAR - 500, 100]
    sections = [section("a", 8, 16, layers, [])]
    plain = vm_of(stem_frames=lengths, stems=4, pools=[{1: indexes(0, 1, 2, 3)}], sections=sections)
    same = loops_vm(lengths, [0] * 4, [], sections=sections)
    for vm in (plain, same):
        vm.input(INPUT_SHUFFLE, 0, 9 * BAR + 77)
        vm.input(INPUT_DISLIKE, 0, 30 * BAR + 77)
        vm.input(INPUT_BLOCK, 1, 40 * BAR + 77)
    assert rows(plain.advance(200 * BAR)) == rows(same.advance(200 * BAR))


def phrase_offsets(events, beats, from_frame=0):
    """How far, in frames, each loop is from where the phrases of a section that begins at `from_frame` have it."""
    return {(event.frame - from_frame - event.offset) % (beats[event.stem] * BEAT) for event in starts(events)}


def test_a_loop_goes_round_under_the_fade_and_keeps_its_period():
    for grid in (4, 32):
        vm = loops_vm([8 * BAR] * 3, [32] * 3, [layer(1, 0, grid=grid, fade=BAR)])
        found = starts(vm.advance(100 * BAR))
        assert [event.frame for event in found] == [bar * BAR for bar in range(0, 100, 8)]
        for event in found:
            assert (event.frames, event.fade_in, event.fade_out) == (9 * BAR, BAR, BAR)
            assert (event.offset, event.loop) == (0, 8 * BAR)


def test_loops_of_all_lengths_and_layers_keep_the_phrases_of_their_section():
    beats = [32, 16, 8, 4, 12]
    lengths = [BEAT * count for count in beats]
    lengths[1] += RELEASE
    lengths[2] -= 600
    for more in ({}, {"fade": BAR}, {"tail": BEAT}, {"rings": True}, {"cue": BEAT, "rings": True}):
        layers = [layer(1, 0, **more), layer(2, 0, count_max=2, grid=8, **more)]
        vm = loops_vm(lengths, beats, layers, bars=96, voices=32)
        vm.input(INPUT_SHUFFLE, 0, 21 * BAR + 777)
        vm.input(INPUT_DISLIKE, 0, 50 * BAR + 777)
        events = vm.advance(95 * BAR)
        cue = more.get("cue", 0)
        assert phrase_offsets(events, beats, -cue) == {0}, more
        assert any([event.offset for event in starts(events)])


def test_a_layer_that_enters_later_has_its_phrases_from_there():
    vm = loops_vm([4 * BAR] * 3, [16] * 3, [layer(1, 0, enter=8)], bars=96)
    assert [(event.frame, event.offset) for event in starts(vm.advance(12 * BAR))] == [
        (2 * BAR, 0),
        (6 * BAR, 0),
        (10 * BAR, 0),
    ]


def test_a_loop_that_follows_itself_goes_on_as_if_nothing_were():
    vm = loops_vm([2 * BAR], [8], [layer(1, 0, fade=BEAT)])
    events = vm.advance(9 * BAR)
    found = starts(events)
    stops = [event for event in events if isinstance(event, Stop)]
    assert [event.curves for event in found] == [0, 1, 1, 1, 1]
    assert [(event.frame, event.fade, event.linear) for event in stops] == [
        (bar * BAR, BEAT, True) for bar in (2, 4, 6, 8)
    ]


def test_what_rings_out_is_not_made_to_go_round_and_the_next_comes_in_whole():
    for off in (RELEASE, -BEAT):
        vm = loops_vm([4 * BAR + off] * 3, [16] * 3, [layer(1, 0, fade=BAR)])
        found = starts(vm.advance(40 * BAR))
        assert [event.frame for event in found] == [bar * BAR for bar in range(0, 40, 4)]
        assert [event.fade_in for event in found] == [BAR] + [64] * 9
        assert all([event.frames == 4 * BAR + off and not event.loop for event in found])


def test_a_loop_that_is_over_where_it_would_join_waits_for_its_next_phrase():
    """A bar of sound in a loop of two: at the second bar there is nothing to join."""
    vm = loops_vm([BAR, 2 * BAR], [8, 4], [layer(1, 0)])
    events = vm.advance(40 * BAR)
    assert all([event.offset == 0 for event in starts(events, (0,))])
    assert phrase_offsets(events, [8, 4]) == {0}


def skipped_at(frame, moment):
    """Events after a skip at `frame` from a section of pads into one of basses, both with loops of four bars."""
    sections = [
        section("a", 16, 16, [layer(1, 0, fade=BEAT)], [follow(1)]),
        section("b", 2, 2, [layer(2, 0, fade=BEAT), layer(3, 0, grid=1, rings=True)], [follow(0)]),
    ]
    lengths = [4 * BAR] * 6
    steps = [{1: 0, 2: 0, 3: BAR, 4: 0, 5: moment}]
    vm = loops_vm(lengths, [16] * 6, [], sections=sections, transitions=steps)
    vm.input(INPUT_SKIP, 0, frame)
    events = vm.advance(16 * BAR)
    assert most_at_once(events) <= 6
    entered = [event.frame for event in events if isinstance(event, Section)]
    return [event for event in events if event.frame >= frame], entered


def test_a_skip_joins_the_bar_under_way():
    at = 5 * BAR + 3 * BEAT + 777
    events, entered = skipped_at(at, 0)
    assert entered[1:3] == [at, 8 * BAR]
    came_in = [event for event in starts(events) if event.frame == at]
    assert [event.offset for event in came_in] == [3 * BEAT + 777] * 2
    assert [event.frames for event in came_in] == [4 * BAR - 3 * BEAT - 777 + BEAT, 4 * BAR - 3 * BEAT - 777]


def test_a_skip_at_the_beat_keeps_the_beat():
    events, entered = skipped_at(5 * BAR + BEAT + 777, 1)
    assert entered[1:3] == [5 * BAR + 2 * BEAT, 8 * BAR]
    assert {event.offset for event in starts(events) if event.frame == entered[1]} == {2 * BEAT}


def test_a_skip_at_the_bar_begins_phrases_there():
    for frame in (5 * BAR + BEAT + 777, 6 * BAR):
        events, entered = skipped_at(frame, 2)
        assert entered[1:3] == [6 * BAR, 8 * BAR]
        assert {event.offset for event in starts(events) if event.frame == entered[1]} == {0}


def test_what_is_no_loop_begins_at_the_skip():
    sections = [section("a", 16, 16, [layer(1, 0)], [follow(1)]), section("b", 4, 4, [layer(2, 1)], [follow(0)])]
    vm = vm_of(
        sections=sections,
        stem_frames=[4 * BAR, 4 * BAR, 9 * BAR],
        stems=3,
        pools=[{1: indexes(0, 1)}, {1: indexes(2)}],
        version=2,
        beats=indexes(16, 16, 0),
    )
    vm.input(INPUT_SKIP, 0, 5 * BAR + 777)
    assert [(event.frame, event.offset) for event in starts(vm.advance(9 * BAR), (2,))] == [(5 * BAR + 777, 0)]


def test_a_dislike_without_a_stem_is_of_the_newest_in_front():
    """Pads change last, but a melody or vocals stand in front; without one, it is what began last."""
    for melody, disliked in ((5, {3, 4, 5}), (7, {3, 4, 5}), (1, {0, 1, 2})):
        pads, tune = layer(1, 0, fade=BEAT), layer(2, 1, grid=16, fade=BEAT)
        tune[1] = melody
        vm = vm_of(
            sections=[section("a", 16, 16, [pads, tune], [])],
            stem_frames=[2 * BAR] * 3 + [4 * BAR] * 3,
            stems=6,
            pools=[{1: indexes(0, 1, 2)}, {1: indexes(3, 4, 5)}],
            version=3 if melody == 7 else 2,
            beats=indexes(*[8] * 3 + [16] * 3),
            reactions=[{1: 1, 2: 128, 3: 2}],
        )
        vm.input(INPUT_DISLIKE, 0, 2 * BAR + BEAT)
        swapped = [event.stem for event in starts(vm.advance(3 * BAR + 1)) if event.frame == 3 * BAR]
        assert len(swapped) == 1 and swapped[0] in disliked


def test_phrases_end_with_a_section_whose_length_is_drawn():
    layers = [layer(1, 0), layer(2, 0, fade=BAR)]
    sections = [
        section("a", 5, 30, layers, [follow(0), follow(1)], 8),
        section("b", 16, 17, [layer(1, 0)], [follow(0)], 8),
    ]
    vm = loops_vm([8 * BAR, 4 * BAR, 2 * BAR] * 2, [32, 16, 8] * 2, [], sections=sections)
    events = vm.advance(2000 * BAR)
    entered = [event.frame // BAR for event in events if isinstance(event, Section)]
    assert {entered[at + 1] - entered[at] for at in range(len(entered) - 1)} == {8, 16, 24}
    assert phrase_offsets(events, [32, 16, 8] * 2) == {0}


def test_a_loop_taken_over_out_of_phase_fades_into_one_that_is_in_phase():
    sections = [
        section("a", 5, 7, [layer(1, 0, fade=BEAT)], [follow(1)]),
        section("b", 3, 3, [layer(1, 0, fade=BEAT)], [follow(0)]),
    ]
    vm = loops_vm([4 * BAR] * 4, [16] * 4, [], sections=sections, voices=4)
    events = vm.advance(300 * BAR)
    entered = [event.frame for event in events if isinstance(event, Section)]
    begun = {}
    for event in starts(events):
        begin = max([frame for frame in entered if frame <= event.frame])
        assert (event.frame - event.offset - begin) % (4 * BAR) == 0
        begun[event.frame] = event
    assert all([frame in begun for frame in entered])


def test_a_loop_with_a_shift_begins_within_itself_and_goes_round():
    for more, tail in (({"fade": BEAT}, BEAT), ({}, 0)):
        vm = loops_vm([4 * BAR] * 2, [16] * 2, [layer(1, 0, grid=16, shifts=0, **more)], shifts=[SHIFTED])
        found = starts(vm.advance(400 * BAR))
        assert {event.stem for event in found} == {0, 1}
        for event in found[1:-1]:
            assert event.frame % (4 * BAR) == 0 and event.frames == 4 * BAR + tail
            assert event.offset == (3 * BAR if event.stem else 0)
            assert event.loop == (4 * BAR if event.stem or more else 0)


def test_a_loop_with_a_shift_that_does_not_meet_itself_begins_where_it_does():
    vm = loops_vm([4 * BAR + RELEASE] * 2, [16] * 2, [layer(1, 0, grid=4, shifts=0)], shifts=[SHIFTED])
    found = starts(vm.advance(400 * BAR))
    assert {event.stem for event in found} == {0, 1}
    for event in found:
        assert (event.frame - event.offset) % (4 * BAR) == event.stem * BAR and event.loop == 0


def test_a_swap_joins_a_shifted_phrase():
    vm = loops_vm([4 * BAR] * 2, [16] * 2, [layer(1, 0, grid=16, shifts=0, fade=BEAT)], shifts=[SHIFTED], bars=8)
    events = []
    for bar in range(1, 100, 3):
        vm.input(INPUT_SHUFFLE, 0, bar * BAR + 1)
        events.extend(vm.advance((bar + 3) * BAR))
    found = starts(events)
    assert len(found) > 40
    for event in found:
        assert (event.offset - event.frame + event.stem * BAR) % (4 * BAR) == 0


def test_shifts_are_refused_by_name():
    def shifted(*rows, **changes):
        fields = {"version": 2, "beats": indexes(*[4] * 7), "shifts": [{1: stems, 2: beats} for stems, beats in rows]}
        fields["sections"] = [section("a", 2, 2, [layer(1, 0, shifts=0)], [])]
        fields.update(changes)
        return score_map(**fields)

    good = (indexes(1), indexes(3))
    cases = (
        (shifted(), "shifts: expected below 0, found 0"),
        (shifted((indexes(), indexes())), "shifts: expected ascending stems, at least one, below 7"),
        (shifted((indexes(1, 2), indexes(1))), "shifts: expected a beat for each stem"),
        (shifted((indexes(2, 1), indexes(1, 1))), "shifts: expected ascending stems, at least one, below 7"),
        (shifted((indexes(7), indexes(1))), "shifts: expected ascending stems, at least one, below 7"),
        (shifted(*[good] * 65), "shifts"),
        (shifted(good, version=1), "version: expected 2 with these fields, found 1"),
    )
    for item, expected in cases:
        assert expected in refused(item), expected
    bare = shifted(good)
    del bare[29]
    assert "shifts: expected with beats of stems" in refused(bare)
