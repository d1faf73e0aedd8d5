"""Sections of another tempo, and stems that stand in a score in several tempi, on every runtime."""

from hashlib import sha256

from amos.score.day_clock import clock_value
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_CLOCK,
    INPUT_DISLIKE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SHUFFLE,
    INPUT_SKIP,
)
from amos.score.memory import recall
from amos.score.score import Hit, RenderPlan
from amos.sound.events import Duck, Section, Stop
from test_score import follow, indexes, layer, longs, section, words
from test_vm import BAR, BEAT, announced, rows, starts, vm_of

SLOW_BEAT = 28800  # 100 bpm at 48 kHz
SLOW_BAR = 4 * SLOW_BEAT
SLOW = 100_000
EDGE = 256  # of the score
FRAMES = [2 * BAR, 2 * SLOW_BAR, 2 * BAR, 2 * SLOW_BAR]
"""Two loops of two bars, each at 120 and at 100 bpm."""


def tempi_vm(sections, plan=None, **changes):
    """A VM over pools of these loops at 120 and at 100 bpm."""
    fields = {
        "pools": [{1: indexes(0, 2)}, {1: indexes(1, 3), 4: 0}],
        "variants": indexes(0, 0, 2, 2),
        "beats": indexes(8, 8, 8, 8),
        "version": 2,
        "transitions": [{1: 0, 2: 0, 3: 0, 4: 0}],
    }
    fields.update(changes)
    fields = {name: fields[name] for name in fields if fields[name] is not None}
    return vm_of(stem_frames=FRAMES, stems=4, plan=plan, sections=sections, **fields)


def in_turn(**layers):
    """Four bars at 120 bpm, then four at 100, and so on."""
    return [
        section("a", 4, 4, [layer(1, 0, **layers)], [follow(1)]),
        section("b", 4, 4, [layer(1, 1, **layers)], [follow(0)], tempo=SLOW),
    ]


def entries(events):
    return [(event.frame, event.section) for event in events if isinstance(event, Section)]


def test_beats_are_counted_from_where_a_section_of_another_tempo_begins():
    events = tempi_vm(in_turn()).advance(8 * BAR + 8 * SLOW_BAR)
    round_frames = 4 * BAR + 4 * SLOW_BAR
    assert entries(events) == [(0, 0), (4 * BAR, 1), (round_frames, 0), (round_frames + 4 * BAR, 1)]
    found = [(event.frame, event.stem % 2, event.frames) for event in starts(events)]
    for begin in (0, round_frames):
        for at, stem in ((0, 0), (2 * BAR, 0), (4 * BAR, 1), (4 * BAR + 2 * SLOW_BAR, 1)):
            assert found.pop(0) == (begin + at, stem, 2 * (SLOW_BAR if stem else BAR))
    assert not found


def test_a_tempo_of_no_whole_frames_keeps_its_beats_to_a_frame():
    sections = [section("a", 3, 3, [layer(1, 0)], [], tempo=97_310)]
    frames = [event.frame for event in starts(tempi_vm(sections, beats=indexes(4, 4, 4, 4)).advance(900 * BAR))]
    assert frames == [4 * bar * 48000 * 60_000 // 97_310 for bar in range(len(frames))]


def test_what_is_of_one_tempo_plays_on_and_of_another_does_not():
    own = layer(1, 1)
    sections = [
        section("a", 1, 1, [own], [follow(1)], tempo=SLOW),
        section("b", 2, 2, [own], [follow(2)], tempo=SLOW),
        section("c", 1, 1, [own], [follow(0)]),
    ]
    events = tempi_vm(sections, beats=None).advance(3 * SLOW_BAR + BAR)
    assert entries(events) == [(0, 0), (SLOW_BAR, 1), (3 * SLOW_BAR, 2)]
    assert [event.frame for event in starts(events)] == [0, 2 * SLOW_BAR, 3 * SLOW_BAR]
    assert [(event.frame, event.fade) for event in events if isinstance(event, Stop)] == [(3 * SLOW_BAR, EDGE)]


def test_a_loop_goes_round_under_the_fade_into_another_tempo_as_it_would_in_its_own():
    events = tempi_vm(in_turn(), transitions=[{1: 0, 2: 0, 3: SLOW_BAR, 4: 0}]).advance(5 * BAR)
    before, (again, first) = starts(events)[-3], starts(events)[-2:]
    if again.stem % 2:
        again, first = first, again
    assert again.frame == first.frame == 4 * BAR and again.stem == before.stem
    assert (again.frames, again.loop, again.offset) == (SLOW_BAR, 2 * BAR, 0)


def test_skips_and_pauses_count_from_where_they_begin():
    sections = [section("a", 4, 4, [layer(1, 0)], [follow(1)]), section("b", 4, 8, [layer(1, 1)], [], tempo=SLOW)]
    for at, entry in ((0, BAR + 777), (1, BAR + BEAT), (2, 2 * BAR), (3, 4 * BAR)):
        vm = tempi_vm(sections, transitions=[{1: 0, 2: 0, 3: 0, 4: 0, 5: at}])
        vm.input(INPUT_SKIP, 0, BAR + 777)
        events = vm.advance(entry + 4 * SLOW_BAR)
        assert entries(events) == [(0, 0), (entry, 1)]
        assert [event.frame for event in starts(events, (1, 3))] == [entry, entry + 2 * SLOW_BAR]
    vm = tempi_vm(sections)
    vm.input(INPUT_PAUSE, 1, 5 * BAR)
    vm.input(INPUT_PAUSE, 0, 7 * BAR + 5)
    found = [event.frame for event in starts(vm.advance(14 * BAR)) if event.frame > 5 * BAR]
    assert found[:2] == [7 * BAR + 5, 7 * BAR + 5 + 2 * SLOW_BAR]


def test_before_a_hit_all_fades_over_a_beat_of_the_tempo_under_way():
    sections = [section("a", 2, 2, [layer(1, 0)], []), section("b", 2, 2, [layer(1, 1)], [], tempo=SLOW)]
    hits = [Hit(frame=0, section=1), Hit(frame=8 * BAR, section=0), Hit(frame=12 * BAR, section=0)]
    plan = RenderPlan(name="p", length_frames=16 * BAR, fade_frames=BEAT, hits=hits)
    events = tempi_vm(sections, plan).advance(16 * BAR)
    fades = [(event.frame, event.fade) for event in events if isinstance(event, Stop) and event.frame < 15 * BAR]
    assert fades == [(8 * BAR - SLOW_BEAT, SLOW_BEAT), (12 * BAR - BEAT, BEAT)]


def test_announcements_wait_for_a_bar_of_the_section_that_plays_by_then():
    """One is due while the first section lasts, with a ramp that begins there, at a bar that only the next one has."""
    ramp = BEAT // 2
    for due, bar in ((4 * BAR - 77, 0), (4 * BAR + 77, 1), (4 * BAR + SLOW_BAR, 1), (4 * BAR + SLOW_BAR + 1, 2)):
        vm = tempi_vm(
            in_turn(),
            announcements=[announced("a", None, 1, exact=False), announced("b", None, exact=True, frames=100)],
            duck_gain=0,
            duck_ramp=ramp,
        )
        # The minute 00:01 falls on the frame at which it is due.
        seconds = due // 48000
        vm.input(INPUT_CLOCK, clock_value(0, False, 60 - seconds), due - seconds * 48000)
        ducks = [event for event in vm.advance(8 * BAR) if isinstance(event, Duck)]
        begin = 4 * BAR + bar * SLOW_BAR
        assert (ducks[-1].frame, ducks[-1].until_frame) == (max(begin - ramp, due - ramp), begin + BAR), (due, bar)


def test_announcements_in_turn_stay_in_turn_on_the_next_section_s_bars():
    vm = tempi_vm(
        in_turn(),
        announcements=[announced("a", None, exact=False), announced("b", None, exact=True, frames=100)],
        duck_gain=0,
        duck_ramp=5 * BEAT,
    )
    for index in (0, 1, 0):
        vm.input(INPUT_ANNOUNCE, index, 3 * BAR + 77)
    ducks = [event for event in vm.advance(12 * BAR) if isinstance(event, Duck)]
    ends = sorted({event.until_frame for event in ducks})[-3:]
    first = 4 * BAR + SLOW_BAR
    assert ends == [first + BAR, first + BAR + 100, 4 * BAR + 2 * SLOW_BAR + BAR]


def played_stems(vm, frames):
    """Stems by their first variant, in turn."""
    return [event.stem // 2 for event in starts(vm.advance(frames))]


def test_a_stem_that_was_played_in_one_tempo_is_not_drawn_in_another():
    found = played_stems(tempi_vm(in_turn(grid=16), beats=indexes(8, 8, 8, 8)), 80 * SLOW_BAR)
    assert len(found) > 15 and all([found[at] != found[at - 1] for at in range(1, len(found))])


def test_what_a_pool_played_is_remembered_for_hours_and_sessions_in_every_tempo():
    vm = tempi_vm(in_turn(), stem_seconds=3600)
    vm.advance(BAR)
    kept = recall(vm.score, vm.memory())
    assert len(set(kept.recent)) == 2 and {stem // 2 for stem in kept.recent} == {kept.recent[0] // 2}
    ages = [age == 65535 for age in kept.ages]
    assert ages[0] == ages[1] and ages[2] == ages[3] and sorted(ages) == [False, False, True, True]


def test_what_people_say_of_a_stem_is_said_of_its_variants():
    vm = tempi_vm(in_turn(), reactions=[{1: 0, 2: 512}, {1: 1, 4: 1}])
    vm.advance(BAR)
    vm.input(INPUT_LIKE, 0, BAR + 1)
    vm.advance(2 * BAR)
    assert sorted(recall(vm.score, vm.memory()).weights_q8) == [256, 256, 512, 512]
    vm.input(INPUT_DISLIKE, 0, 5 * BAR)
    vm.advance(6 * BAR)
    weights = list(recall(vm.score, vm.memory()).weights_q8)
    assert weights[0] == weights[1] and weights[2] == weights[3] and min(weights) == 0
    assert len(set(played_stems(vm, 60 * BAR)[1:])) == 1


def test_a_stem_never_sounds_beside_itself_in_another_tempo():
    vm = tempi_vm(in_turn(count_min=2, count_max=2), transitions=[{1: 0, 2: 0, 3: 2 * BAR, 4: 0}], stem_plays=0)
    for event in starts(vm.advance(3 * BAR)):
        assert event.stem % 2 == 0
    single = tempi_vm(in_turn(fade=BEAT), transitions=[{1: 0, 2: 0, 3: 2 * BAR, 4: 0}], stem_plays=0)
    events = starts(single.advance(4 * BAR + 1))
    assert events[-1].stem % 2 == 1 and events[-1].stem // 2 != events[-2].stem // 2


def test_tempi_are_the_same_on_every_runtime_and_for_any_step():
    def playing():
        level = words(0, -12 << 15, 1, 0, 0, 12 << 15, 4, 2)

        def both(pool):
            return [
                layer(1, pool, fade=BEAT, level=level),
                layer(2, pool, count_max=2, chance=words(0, 20000), until=9, role=2, when=words(1, 35)),
                layer(3, pool, ticks=8, strokes=indexes(0, 3, 6), rings=True, count_min=2, count_max=2),
            ]

        sections = [
            section("a", 2, 4, both(0), [follow(0), follow(1)]),
            section("b", 2, 4, both(1), [follow(0), follow(1), follow(2)], tempo=97_310, themes=[0, 1]),
            section("c", 1, 2, both(0)[:2], [follow(0), follow(1)], tempo=143_001),
        ]
        vm = tempi_vm(
            sections,
            voices=32,
            themes=[{1: indexes(0, 1)}, {1: indexes(2, 3)}],
            pickups=longs(0, 0, BEAT // 2, SLOW_BEAT // 2),
            announcements=[announced("a", None, exact=False), announced("b", None, 1, exact=False)],
            transitions=[{1: 0, 2: 0, 3: BEAT, 4: BEAT, 5: 2}],
            duck_ramp=3 * BEAT,
        )
        vm.input(INPUT_CLOCK, clock_value(3, False, 1), 10)
        for bar in range(9, 100, 9):
            vm.input((INPUT_SKIP, INPUT_SHUFFLE, INPUT_LIKE, INPUT_ANNOUNCE)[bar // 9 % 4], 0, bar * BAR + 777)
        return vm

    whole = rows(playing().advance(120 * BAR))
    assert sha256(str(whole).encode()).digest().hex()[:16] == "abee70094b3de142"
    for step in (4096, BEAT, 7 * BAR + 1):
        vm, pieces = playing(), []
        for until in range(step, 120 * BAR + step, step):
            pieces.extend(vm.advance(min(until, 120 * BAR)))
        assert rows(pieces) == whole
