"""What the VM does beyond sections: rules of avoidance, reactions, time of day, announcements, cues and plans."""

from hashlib import sha256

from amos.protocol.cbor import dumps
from amos.score.chooser import RULE_NAMES
from amos.score.day_clock import clock_value
from amos.score.draw import numbered_seed
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
    InputRefused,
    block_inputs,
)
from amos.score.memory import recall
from amos.score.score import Hit, RenderPlan, ScoreError, decode_score
from amos.sound.events import LINEAR_IN, Duck, Section, Start, Stop
from test_score import follow, indexes, layer, score_map, section, words
from test_vm import BAR, BEAT, announced, rows, starts, vm_of

SECOND = 48000
ONE_LAYER = [section("a", 8, 8, [layer(1, 0)], [follow(0)])]
FOUR = [{1: indexes(0, 1, 2, 3)}]


def looped(stems=4, bars=2, **changes):
    """One section, one layer, a pool of `stems` loops of `bars` bars."""
    changes.setdefault("sections", ONE_LAYER)
    changes.setdefault("pools", [{1: indexes(*range(stems))}])
    return vm_of(stems=stems, stem_frames=[bars * BAR] * stems, **changes)


def run_to(vm, frame):
    """Advance far in small steps: a board holds the events of minutes, not of days."""
    while vm.frame < frame:
        vm.advance(min(frame, vm.frame + 300 * SECOND))


def said(vm, seconds):
    """Announcements of stem 3 that are made in the next `seconds`."""
    heard, until = [], vm.frame + seconds * SECOND
    while vm.frame < until:
        heard += starts(vm.advance(min(until, vm.frame + 300 * SECOND)), (3,))
    return heard


def stems_of(vm, bars):
    return [event.stem for event in starts(vm.advance(bars * BAR))]


def counts(vm):
    return {name: count for name, count in zip(RULE_NAMES, vm.relaxations()) if count}


def test_a_stem_does_not_return_within_the_plays_avoided():
    vm = looped(stems=4, stem_plays=2)
    played = stems_of(vm, 400)
    assert len(played) == 200 and set(played) == {0, 1, 2, 3}
    for at in range(2, 200):
        assert played[at] not in played[at - 2 : at]
    assert counts(vm) == {}


def test_a_pool_too_small_for_the_plays_relaxes_by_halves_and_never_repeats_at_once():
    vm = looped(stems=3, stem_plays=12)
    played = stems_of(vm, 400)
    assert all([played[at] != played[at - 1] for at in range(1, len(played))])
    assert counts(vm)["stem.plays"] >= 190 and "double" not in counts(vm)


def test_an_artist_does_not_return_within_the_plays_avoided():
    vm = looped(stems=4, artist_plays=1, artists=indexes(7, 7, 8, 8))
    played = stems_of(vm, 200)
    assert all([(played[at] < 2) != (played[at - 1] < 2) for at in range(1, len(played))])
    assert counts(vm) == {}
    vm = looped(stems=4, artist_plays=2, artists=indexes(7, 7, 8, 8))
    assert len(stems_of(vm, 200)) == 100 and list(counts(vm)) == ["artist"]
    vm = looped(stems=4, artist_plays=2, artists=indexes(7, 7, 7, 7))
    assert len(stems_of(vm, 200)) == 100 and counts(vm) == {}, "a pool that is all by one artist is meant so"


def test_a_stem_does_not_return_within_the_time_avoided():
    vm = looped(stems=4, stem_seconds=10)
    played = starts(vm.advance(200 * BAR))
    latest = {}
    for event in played:
        assert event.frame - latest.get(event.stem, -99 * SECOND) >= 10 * SECOND
        latest[event.stem] = event.frame
    assert counts(vm) == {}
    vm = looped(stems=4, stem_seconds=3600)
    assert len(stems_of(vm, 200)) == 100 and counts(vm) == {"stem.hours": 96}


def test_rules_give_way_in_the_order_declared():
    def first(order):
        changes = {"stem_plays": 3, "stem_seconds": 3600, "artist_plays": 2, "artists": indexes(1, 1, 2)}
        vm = looped(stems=3, relax=order, **changes)
        vm.advance(4 * BAR + 1)
        return counts(vm)

    # After a play of each artist: both are out, but one stem is neither played nor timed out.
    assert first([0, 1, 2]) == {"artist": 1}
    assert first([1, 0, 2]) == {"stem.hours": 1, "artist": 1}
    assert first([2, 1, 0]) == {"stem.plays": 1, "stem.hours": 1, "artist": 1}
    assert first([]) == {"artist": 1}


def test_stems_out_of_key_join_only_when_key_is_relaxed():
    pools = [{1: indexes(0), 2: indexes(1), 3: indexes(2)}]
    assert set(stems_of(looped(stems=3, pools=pools), 100)) == {0}
    vm = looped(stems=3, pools=pools, relax=[3])
    assert set(stems_of(vm, 100)) == {0, 1} and counts(vm)["key"] and "stem.plays" not in counts(vm)
    assert set(stems_of(looped(stems=3, pools=pools, relax=[4]), 100)) == {0, 2}


def test_likes_and_dislikes_are_learned_and_survive():
    changes = {"stem_plays": 0, "reactions": [{1: 0, 2: 512}, {1: 1, 2: 128}]}
    vm = looped(stems=2, **changes)
    vm.advance(1)
    for _ in range(9):
        vm.input(INPUT_LIKE, 1, vm.frame)
        vm.input(INPUT_DISLIKE, 2, vm.frame)
        vm.advance(vm.frame + 2 * BAR)
    # Only what sounds can be liked; both have sounded by now.
    vm.advance(vm.frame + 1)
    again = looped(stems=2, memory=vm.memory(), **changes)
    assert again.start_state() == vm.memory()
    played = stems_of(again, 400)
    assert played.count(0) > 4 * played.count(1)


def test_a_dislike_swaps_at_the_bar_and_fades_until_then():
    vm = looped(stems=4, bars=8, reactions=[{1: 1, 2: 128, 3: 2}])
    first = starts(vm.advance(2 * BAR + 999))[0]
    vm.input(INPUT_DISLIKE, 0, 2 * BAR + 999)
    events = vm.advance(4 * BAR)
    stop, start = [event for event in events if not isinstance(event, Section)]
    assert (stop.frame, stop.voice, stop.fade) == (2 * BAR + 999, first.voice, BAR - 999)
    assert start.frame == 3 * BAR and start.stem != first.stem


def test_with_a_fade_a_swap_cross_fades_from_the_boundary():
    sections = [section("a", 16, 16, [layer(1, 0, fade=BAR)], [follow(0)])]
    vm = looped(stems=4, bars=12, sections=sections, reactions=[{1: 3, 3: 1}])
    vm.advance(5 * BEAT + 1)
    vm.input(INPUT_SHUFFLE, 0, 5 * BEAT + 1)
    stop, start = vm.advance(8 * BEAT)
    assert isinstance(stop, Stop) and (stop.frame, stop.fade) == (6 * BEAT, BAR)
    assert isinstance(start, Start) and (start.frame, start.fade_in) == (6 * BEAT, BAR)


def test_a_swap_with_a_cue_brings_the_first_beat_to_the_bar():
    sections = [section("a", 8, 8, [layer(1, 0, cue=BEAT)], [follow(0)])]
    vm = looped(stems=4, bars=12, sections=sections, reactions=[{1: 1, 3: 2}])
    assert [event.frame for event in starts(vm.advance(2 * BAR))] == [BAR - BEAT]
    # Too late for the cue of the next bar, so it is that of the bar after.
    vm.input(INPUT_DISLIKE, 0, 3 * BAR - BEAT + 1)
    stop, start = vm.advance(5 * BAR)
    assert stop.frame + stop.fade == start.frame == 4 * BAR - BEAT
    # In the last bar there is no such point, and what is to be swapped does not play on.
    vm.input(INPUT_DISLIKE, 0, 7 * BAR + 1)
    events = vm.advance(9 * BAR)
    assert [event.frame for event in starts(events)] == [9 * BAR - BEAT]
    assert [event.frame for event in events if isinstance(event, Stop)] == [8 * BAR]


def test_a_swapped_cue_of_a_short_stem_lasts_at_least_a_frame():
    sections = [section("a", 8, 8, [layer(1, 0, cue=BAR + 5, fade=BEAT)], [follow(0)])]
    vm = vm_of(
        stems=4,
        stem_frames=[BAR + 1, 3 * BEAT, 777, BEAT],
        sections=sections,
        pools=FOUR,
        reactions=[{1: 3, 3: 1}],
    )
    for bar in range(200):
        vm.input(INPUT_SHUFFLE, 0, bar * BAR + 100 * bar)
        assert all([event.frames > 0 for event in starts(vm.advance((bar + 1) * BAR))])


def test_what_is_swapped_in_between_bars_lasts_until_one_so_that_nothing_is_silent():
    for changes in ({}, {"tail": BEAT}, {"fade": BEAT}, {"cue": 999}):
        sections = [section("a", 64, 64, [layer(1, 0, **changes)], [follow(0)])]
        vm = looped(stems=4, bars=2, sections=sections, reactions=[{1: 3, 3: 1}])
        vm.input(INPUT_SHUFFLE, 0, 9 * BEAT + 1)
        vm.input(INPUT_BLOCK, 3, 25 * BEAT + 1)
        sounding_until = starts(vm.advance(BAR))[0].frame + 2 * BAR
        points = []
        for event in vm.advance(40 * BAR):
            if isinstance(event, Start):
                assert event.frame <= sounding_until
                sounding_until = event.frame + event.frames
                points.append((event.frame + changes.get("cue", 0)) // BEAT % 4)
        # Once or twice between bars, and then on them.
        assert 1 <= len([point for point in points if point]) <= 2 and points[-9:] == [0] * 9
    sections = [section("a", 64, 64, [layer(1, 0, chance=words(0, 32768))], [follow(0)])]
    vm = looped(stems=4, bars=2, sections=sections, reactions=[{1: 3, 3: 1}])
    vm.input(INPUT_SHUFFLE, 0, 9 * BEAT + 1)
    lengths = [event.frames for event in starts(vm.advance(9 * BAR))]
    assert lengths == [2 * BAR] * len(lengths), "where silence may come by chance, all of it sounds"


def test_a_swap_at_the_end_does_not_play_on():
    sections = [section("a", 4, 4, [layer(1, 0)], [follow(0)])]
    vm = looped(stems=4, bars=6, sections=sections, reactions=[{1: 0, 3: 3}])
    assert [event.frame for event in starts(vm.advance(5 * BAR))] == [0], "it plays on"
    vm = looped(stems=4, bars=6, sections=sections, reactions=[{1: 0, 3: 3}])
    vm.input(INPUT_LIKE, 0, BAR)
    assert [event.frame for event in starts(vm.advance(5 * BAR))] == [0, 4 * BAR]


def test_a_blocked_stem_fades_and_never_returns():
    vm = looped(stems=3, bars=8)
    stem = starts(vm.advance(BAR))[0].stem
    vm.input(INPUT_BLOCK, stem, BAR + 5)
    events = vm.advance(400 * BAR)
    stop = next(event for event in events if isinstance(event, Stop))
    assert stop.frame == BAR + 5 and stop.fade <= BEAT
    assert stem not in [event.stem for event in starts(events)]
    assert stop.withdrawn and not any(
        event.withdrawn for event in events if isinstance(event, Stop) and event is not stop
    )
    assert stem in stems_of(looped(stems=3, bars=8, memory=vm.memory()), 100), "a later session asks anew"
    for other in range(3):
        vm.input(INPUT_BLOCK, other, vm.frame)
    assert starts(vm.advance(vm.frame + 100 * BAR)) == [], "a block holds even if nothing is left"
    assert counts(vm)["blocked"] > 10


def test_what_is_withdrawn_from_the_start_never_begins_however_it_is_said():
    for stems in ([0], [1, 2], [0, 3, 17], [15, 16, 17, 18, 19], list(range(19))):
        vm = looped(stems=20, bars=1)
        for kind, value in block_inputs(stems):
            vm.input(kind, value, 0)
        left = [stem for stem in range(20) if stem not in stems]
        assert set(stems_of(vm, 400)) == set(left), stems
    assert block_inputs([5]) == [(INPUT_BLOCK, 5)]
    assert block_inputs([19, 16, 3]) == [(INPUT_BLOCK, 3), (INPUT_BLOCK_MANY, 1 << 16 | 9)]
    assert len(block_inputs(list(range(1024)))) == 64
    for value in (-1, 0, 1 << 16, 1 << 16 | 16, 2 << 16 | 1, 1 << 30):
        try:
            looped(stems=20).input(INPUT_BLOCK_MANY, value, 0)
        except InputRefused:
            continue
        raise AssertionError(value)


def test_what_was_learned_of_a_withdrawn_stem_stays_learned():
    reactions = [{1: 0, 2: 512}, {1: 1, 2: 256, 4: 1}]
    vm = looped(stems=2, bars=2, reactions=reactions)
    vm.advance(BAR)
    vm.input(INPUT_LIKE, 0, BAR)
    for stem in (0, 1):
        vm.input(INPUT_BLOCK, stem, 2 * BAR)
    vm.advance(8 * BAR)
    assert sorted(recall(vm.score, vm.memory()).weights_q8) == [256, 512]
    vm = looped(stems=2, bars=2, reactions=reactions)
    stem = starts(vm.advance(BAR))[0].stem
    vm.input(INPUT_BLOCK, stem, BAR)
    vm.input(INPUT_DISLIKE, 0, BAR + 1)  # while it fades: what a visitor blocks stays blocked
    vm.advance(8 * BAR)
    assert recall(vm.score, vm.memory()).weights_q8[stem] == 0


def leaving(at, **changes):
    """The three sections of `score_map`, told at frame `at` to give way."""
    vm = vm_of(**changes)
    vm.advance(at)
    vm.input(INPUT_LEAVE, 0, at)
    return vm


def test_a_pack_gives_way_where_a_section_ends():
    for at in (0, 5, 2 * BAR, 9 * BAR + 1, 40 * BAR + 77):
        entered = [event.frame for event in vm_of().advance(200 * BAR) if isinstance(event, Section)]
        boundary = min([frame for frame in entered if frame > at])
        vm = leaving(at)
        assert vm.end_frame is None
        tail = vm.advance(500 * BAR)
        assert boundary <= vm.end_frame <= boundary + BEAT
        late = [event for event in tail if event.frame >= boundary]
        assert {event.frame for event in late} <= {boundary} and not starts(late)
        assert max([0] + [event.fade for event in late]) == vm.end_frame - boundary
        stepped = leaving(at)
        events = []
        while stepped.frame < 60 * BAR:
            events += stepped.advance(stepped.frame + 1000)
        assert rows(events) == rows(event for event in tail if event.frame < 60 * BAR)


def test_a_skip_brings_the_end_of_a_pack_that_gives_way():
    vm = leaving(BAR)
    vm.input(INPUT_SKIP, 0, BAR + 10)
    vm.advance(100 * BAR)
    assert BAR + 10 <= vm.end_frame <= BAR + 10 + BEAT
    assert vm.advance(vm.frame + 100 * BAR) == []


def test_an_announcement_fades_when_the_pack_gives_way():
    vm = announcing(announcements=[announced("closing", 3, None, exact=True, frames=2 * BAR)])
    vm.advance(BAR)
    vm.input(INPUT_LEAVE, 0, BAR)
    vm.input(INPUT_ANNOUNCE, 0, 8 * BAR - BEAT)
    events = vm.advance(100 * BAR)
    assert [event.stem for event in starts(events, (3,))] == [3]
    stop = [event for event in events if isinstance(event, Stop) and event.voice == 2][-1]
    assert (stop.frame, stop.fade, vm.end_frame) == (8 * BAR, BEAT, 8 * BAR + BEAT)


def test_a_reaction_may_block_all_by_an_artist():
    vm = looped(stems=4, artists=indexes(1, 1, 2, 2), reactions=[{1: 1, 3: 2, 4: 2}])
    first = starts(vm.advance(BAR))[0].stem
    vm.input(INPUT_DISLIKE, 0, BAR)
    vm.advance(2 * BAR + 1)
    assert {stem // 2 for stem in stems_of(vm, 100)} == {1 - first // 2}


def test_plays_are_remembered_unless_the_script_forgets_them():
    def after_restart(**changes):
        vm = looped(stems=8, stem_plays=6, stem_seconds=600, **changes)
        vm.advance(11 * BAR)
        return vm, looped(stems=8, stem_plays=6, stem_seconds=600, memory=vm.memory(), **changes)

    vm, again = after_restart()
    assert again.start_state() == vm.memory()
    assert not set(stems_of(vm, 12)) & set(stems_of(again, 3)) and counts(again) == {}
    vm, again = after_restart(keep_history=False)
    assert again.start_state() != vm.memory()


def test_a_memory_that_does_not_fit_is_refused():
    good = looped().memory()
    for data in (b"", good[:-1], good + b"\0", looped(stems=3).memory(), bytes(20000)):
        try:
            looped(memory=data)
        except ScoreError as error:
            assert "memory" in str(error) or "CBOR" in str(error) or str(error), data
        else:
            raise AssertionError(data)


def test_sliders_slew_and_return_when_their_section_ends():
    slider = {1: "calm", 2: 0, 3: 32768, 4: 0, 5: True, 6: 8 * BAR}
    vm = looped(sliders=[slider])
    vm.input(INPUT_SLIDER, 16384, BAR)
    seen = []
    for bar in range(13):
        vm.advance(bar * BAR)
        seen.append(vm.slider_values()[0])
    assert seen[:6] == [0, 0, 4096, 8192, 12288, 16384]
    assert seen[6:] == [16384, 16384, 16384, 12288, 8192, 4096, 0]


def test_dayparts_hold_from_the_minute_they_begin():
    parts = [{1: 31, 2: 8 * 60, 3: 9 * 60, 4: 0, 5: 32768}, {1: 255, 2: 0, 3: 1440, 4: 0, 5: 8192}]
    # A stem of an hour, so that a day costs next to nothing to play.
    vm = looped(dayparts=parts, bars=2000, sections=[section("a", 2000, 2000, [layer(1, 0)], [])])
    vm.advance(10 * SECOND)
    assert vm.slider_values() == [16384], "no time, no daypart"
    vm.input(INPUT_CLOCK, clock_value(4, False, 8 * 3600 - 5), 10 * SECOND)
    seen = []
    for second in (14, 16, 3600 + 14, 3600 + 16, 86400 + 16):
        run_to(vm, second * SECOND)
        seen.append(vm.slider_values()[0])
    assert seen == [8192, 32768, 32768, 8192, 8192], "Friday morning, and not Saturday's"
    vm.input(INPUT_CLOCK, clock_value(1, True, 8 * 3600), vm.frame)
    vm.advance(vm.frame + 1)
    assert vm.slider_values() == [8192], "nor a holiday's"
    vm.input(INPUT_SLIDER, 100, vm.frame)
    run_to(vm, vm.frame + 3500 * SECOND)
    assert vm.slider_values() == [100], "what was set by hand holds until the next daypart"


def announcing(**changes):
    rule = {"duck_gain": 8192, "duck_ramp": SECOND // 4, "announcements": [announced("closing", 3, 600)]}
    rule.update(changes)
    return looped(stems=4, pools=[{1: indexes(0, 1, 2)}], voices=3, **rule)


def test_an_announcement_is_exact_ducks_ahead_and_has_its_own_voice():
    vm = announcing()
    vm.input(INPUT_CLOCK, clock_value(0, False, 36000 - 60), 777)
    events = vm.advance(100 * SECOND)
    due = 777 + 60 * SECOND
    duck = next(event for event in events if isinstance(event, Duck))
    spoken = starts(events, (3,))
    assert [event.frame for event in spoken] == [due] and spoken[0].voice == 2
    assert (duck.frame, duck.until_frame) == (due - SECOND // 4, due + 2 * BAR)
    assert (duck.gain_q15, duck.ramp_frames, duck.voice) == (8192, SECOND // 4, 2)


def test_an_announcement_of_the_skipped_hour_is_not_made_and_one_of_the_doubled_hour_once():
    for minute, made in ((150, []), (179, [10 * SECOND])):
        vm = announcing(announcements=[announced("closing", 3, minute)])
        vm.input(INPUT_CLOCK, clock_value(6, False, 7200 - 10), 0)
        vm.input(INPUT_CLOCK, clock_value(6, False, 10800), 10 * SECOND)
        assert [event.frame for event in starts(vm.advance(200 * SECOND), (3,))] == made
    vm = announcing(announcements=[announced("closing", 3, 150)])
    vm.input(INPUT_CLOCK, clock_value(6, False, 9000 - 10), 0)
    heard = said(vm, 1810)
    vm.input(INPUT_CLOCK, clock_value(6, False, 7200), vm.frame)
    heard += said(vm, 3600)
    assert [event.frame for event in heard] == [10 * SECOND]


def test_an_announcement_is_made_at_each_of_its_times_every_day():
    vm = announcing(version=2, announcements=[announced("closing", 3, 600, more=[630, 655])])
    vm.input(INPUT_CLOCK, clock_value(0, False, 36000 - 60), 0)
    heard = said(vm, 86400)
    vm.input(INPUT_CLOCK, clock_value(1, False, 36000 - 60), vm.frame)
    heard += said(vm, 3600)
    due = [60 + 60 * minute for minute in (0, 30, 55)]
    assert [event.frame // SECOND for event in heard] == due + [86400 + second for second in due]
    # In the hour that comes twice each of its times is made once.
    vm = announcing(version=2, announcements=[announced("closing", 3, 120, more=[150, 170])])
    vm.input(INPUT_CLOCK, clock_value(6, False, 7200 - 10), 0)
    heard = said(vm, 3600)
    vm.input(INPUT_CLOCK, clock_value(6, False, 7200), vm.frame)
    heard += said(vm, 3600)
    assert len(heard) == 3


def test_a_corrected_clock_makes_up_for_an_announcement_and_never_repeats_it():
    vm = announcing()
    vm.input(INPUT_CLOCK, clock_value(0, False, 36000 - 60), 0)
    vm.input(INPUT_CLOCK, clock_value(0, False, 36000 + 3), 30 * SECOND)
    vm.input(INPUT_CLOCK, clock_value(0, False, 36000 - 3), 40 * SECOND)
    assert [event.frame for event in starts(vm.advance(200 * SECOND), (3,))] == [30 * SECOND]
    vm = announcing()
    vm.input(INPUT_CLOCK, clock_value(0, False, 36000 + 3), 0)
    assert starts(vm.advance(200 * SECOND), (3,)) == [], "a player that starts late says nothing"


def test_announcements_wait_for_the_bar_and_for_one_another():
    vm = announcing(announcements=[announced("a", 3, exact=False), announced("b", frames=BAR)])
    for value in (0, 0, 1):
        vm.input(INPUT_ANNOUNCE, value, 1000)
    events = vm.advance(100 * BAR)
    assert [event.frame for event in starts(events, (3,))] == [BAR, 3 * BAR]
    ducks = [(event.frame, event.until_frame, event.voice) for event in events if isinstance(event, Duck)]
    lead = SECOND // 4
    assert ducks == [(BAR - lead, 3 * BAR, 2), (3 * BAR - lead, 5 * BAR, 2), (5 * BAR - lead, 6 * BAR, -1)]


def test_a_blocked_stem_is_not_announced_either():
    vm = announcing(announcements=[announced("a", 3)])
    vm.input(INPUT_ANNOUNCE, 0, 0)
    vm.input(INPUT_BLOCK, 3, SECOND)
    events = vm.advance(3 * SECOND)
    stop = next(event for event in events if isinstance(event, Stop) and event.voice == 2)
    assert (stop.frame, stop.fade, stop.withdrawn) == (SECOND, BEAT, True) and len(starts(events, (3,))) == 1
    vm.input(INPUT_ANNOUNCE, 0, 9 * SECOND)
    assert starts(vm.advance(20 * SECOND), (3,)) == []


TWO = [
    section("a", 8, 8, [layer(1, 0)], [follow(1)]),
    section("b", 8, 8, [layer(2, 0)], [follow(0)]),
    section("c", 1, 1, [layer(3, 0)], [follow(0)]),
]


def entered(vm, bars):
    return [(event.frame, event.section) for event in vm.advance(bars * BAR) if isinstance(event, Section)]


def test_a_section_is_left_when_its_transition_says():
    asked = BAR + BEAT + 999
    for at, expected in ((0, asked), (1, BAR + 2 * BEAT), (2, 2 * BAR), (3, 8 * BAR)):
        vm = looped(sections=TWO, transitions=[{1: 0, 2: 0, 3: BEAT, 4: BEAT, 5: at}])
        vm.input(INPUT_SKIP, 0, asked)
        assert entered(vm, 9) == [(0, 0), (expected, 1)]


def test_a_bridge_stands_between_two_sections():
    rules = [{1: 1, 2: 2, 3: BEAT, 4: 0, 6: 3, 7: True}, {1: 0, 2: 0, 3: BEAT, 4: 0}]
    vm = looped(sections=TWO, transitions=rules)
    assert entered(vm, 27) == [(0, 0), (8 * BAR, 2), (9 * BAR, 1), (17 * BAR, 0), (25 * BAR, 2), (26 * BAR, 1)]


def test_a_linear_transition_says_so():
    rules = [{1: 0, 2: 0, 3: BEAT, 4: BEAT, 7: True}]
    events = looped(bars=5, sections=TWO, transitions=rules).advance(9 * BAR)
    stop = next(event for event in events if isinstance(event, Stop))
    start = next(event for event in starts(events) if event.frame == 8 * BAR)
    assert stop.linear and start.curves == LINEAR_IN and start.fade_in == BEAT
    assert all([event.curves == 0 for event in starts(events) if event.frame != 8 * BAR])


def test_a_cue_comes_before_its_point_and_a_tail_rings_on():
    cued = [section("a", 8, 8, [layer(1, 0, cue=BEAT, grid=8, enter=8)], [follow(0)])]
    assert [event.frame for event in starts(looped(sections=cued).advance(8 * BAR))] == [
        2 * BAR - BEAT,
        4 * BAR - BEAT,
        6 * BAR - BEAT,
    ]
    tailed = [section("a", 8, 8, [layer(1, 0, tail=BAR)], [follow(0)])]
    found = starts(looped(sections=tailed, bars=3).advance(8 * BAR))
    assert [(event.frame, event.frames) for event in found] == [(bar * BAR, 3 * BAR) for bar in (0, 2, 4, 6)]


def test_a_plan_hits_on_the_frame_and_ends_on_the_frame():
    plan = RenderPlan(
        name="p", length_frames=30 * SECOND, fade_frames=2 * SECOND, hits=[Hit(frame=12 * SECOND + 7, section=2)]
    )
    vm = looped(sections=TWO, plan=plan)
    events = vm.advance(100 * SECOND)
    assert [(event.frame, event.section) for event in events if isinstance(event, Section)][:2] == [
        (0, 0),
        (12 * SECOND + 7, 2),
    ]
    ends = [0] * 8
    for event in events:
        if isinstance(event, Start):
            ends[event.voice] = event.frame + event.frames
        elif isinstance(event, Stop):
            ends[event.voice] = event.frame + event.fade
    assert max(ends) == 30 * SECOND
    last = starts(events)[-1]
    assert last.frame == 28 * SECOND + 7 and last.fade_in + last.fade_out == last.frames < 2 * SECOND


def test_a_plan_that_does_not_fit_is_refused():
    for changes in ({"section": 3}, {"frame": 29 * SECOND}, {"frame": 5}):
        fields = {"frame": 2 * SECOND, "section": 0}
        fields.update(changes)
        try:
            looped(
                sections=TWO,
                plan=RenderPlan(name="p", length_frames=30 * SECOND, fade_frames=2 * SECOND, hits=[Hit(**fields)]),
            )
        except ScoreError as error:
            assert "render" in str(error)
        else:
            raise AssertionError(changes)


def test_a_seed_in_the_script_takes_the_place_of_the_session():
    one = rows(looped(seed=bytes(32), sections=TWO).advance(50 * BAR))
    fixed = rows(looped(fixed_seed=42, seed=bytes(32), sections=TWO).advance(50 * BAR))
    assert fixed == rows(looped(fixed_seed=42, seed=bytes(range(32)), sections=TWO).advance(50 * BAR)) != one
    assert fixed == rows(looped(seed=numbered_seed(42), sections=TWO).advance(50 * BAR))


def test_a_skip_shortly_before_a_hit_is_done_with_the_hit():
    layers = [layer(1, 0, chance=words(0, 0))], [layer(1, 0)]
    for at in (0, 2):
        for quiet in layers:
            sections = [
                section("a", 8, 8, quiet, [follow(0), follow(1)]),
                section("b", 8, 8, [layer(1, 0)], [follow(0), follow(1)]),
                section("c", 8, 8, [layer(1, 0)], [follow(0), follow(1)]),
            ]
            plan = RenderPlan(
                name="p", length_frames=20 * BAR, fade_frames=BAR, hits=[Hit(frame=3 * BAR + 7, section=2)]
            )
            vm = looped(sections=sections, transitions=[{1: 0, 2: 0, 3: BEAT, 4: 0, 5: at}], plan=plan)
            vm.input(INPUT_SKIP, 0, 3 * BAR - 99)
            entered = [(event.frame, event.section) for event in vm.advance(11 * BAR) if isinstance(event, Section)]
            assert entered == [(0, 0), (3 * BAR + 7, 2)]


def test_an_announcement_forgotten_in_a_pause_keeps_none_waiting():
    changes = {"announcements": [announced("long", None, None, exact=False, frames=60 * BAR), announced("x")]}
    vm = looped(**changes)
    vm.advance(1)
    vm.input(INPUT_ANNOUNCE, 0, 1)
    vm.input(INPUT_PAUSE, 1, 2)
    vm.input(INPUT_PAUSE, 0, 2 * BAR)
    vm.input(INPUT_ANNOUNCE, 1, 3 * BAR)
    assert [event.until_frame for event in vm.advance(9 * BAR) if isinstance(event, Duck)] == [4 * BAR]


def test_every_choice_can_be_explained():
    vm = looped(stems=4, stem_plays=2)
    told = []
    vm.explain(told.append)
    played = starts(vm.advance(20 * BAR))
    assert [(choice.frame, choice.stem) for choice in told] == [(event.frame, event.stem) for event in played]
    third = told[2]
    assert third.stem in third.candidates and len(third.candidates) == 2 and list(third.weights) == [256, 256]
    assert (third.section, third.layer, third.relaxed) == (0, 0, [])


def test_refuses_inputs_of_every_kind_out_of_range():
    vm = announcing()
    for kind, value in ((1, 5), (2, -1), (3, 5), (4, 14 * 86400), (5, 1), (6, 4), (7, 2), (8, 0), (11, 0), (15, 0)):
        try:
            vm.input(kind, value, 0)
        except InputRefused as error:
            assert "expected" in str(error)
        else:
            raise AssertionError((kind, value))


def test_the_whole_language_is_the_same_on_every_runtime():
    sections = [
        section("a", 4, 8, [layer(1, 0, fade=BEAT, linear=True), layer(2, 1, tail=BEAT, cue=999)], [follow(1)]),
        section("b", 4, 6, [layer(3, 1, count_max=2, chance=words(1, 0))], [follow(0), follow(2)]),
        section("c", 1, 2, [layer(3, 1)], [follow(0), follow(1)]),
    ]
    changes = {
        "voices": 8,
        "sections": sections,
        "transitions": [{1: 1, 2: 2, 3: BEAT, 4: 0, 6: 3}, {1: 0, 2: 0, 3: BEAT, 4: BEAT, 5: 2, 7: True}],
        "sliders": [{1: "calm", 2: 0, 3: 32768, 4: 9999, 5: True, 6: 3 * BAR}],
        "stem_plays": 3,
        "stem_seconds": 45,
        "artist_plays": 1,
        "artists": indexes(0, 1, 0, 1, 2, 2, 3),
        "relax": [1, 0, 3],
        "reactions": [{1: 0, 2: 320}, {1: 1, 2: 128, 3: 2}, {1: 3, 3: 1}],
        "dayparts": [{1: 127, 2: 1, 3: 1440, 4: 0, 5: 30000}],
        "announcements": [announced("x", 6, 1), announced("y", None, None, exact=False)],
        "duck_gain": 5000,
        "duck_ramp": 9600,
        "pools": [{1: indexes(0, 1), 2: indexes(2)}, {1: indexes(3, 4, 5)}],
    }
    vm = vm_of(**changes)
    for number in range(60):
        kind = (INPUT_LIKE, INPUT_DISLIKE, INPUT_SHUFFLE, INPUT_SKIP, INPUT_SLIDER)[number % 5]
        vm.input(kind, number % 7, number * 4 * BAR + number * 977)
    vm.input(INPUT_CLOCK, clock_value(2, False, 10), 5000)
    vm.input(INPUT_ANNOUNCE, 1, 33 * BAR)
    text = "\n".join([str(item) for item in rows(vm.advance(300 * BAR))])
    assert "duck" in text and all([count for count in vm.relaxations()[:4]])
    digest = sha256(text.encode() + vm.memory()).digest().hex()[:16]
    assert digest == "5a36fedfce85a1cb"


def test_refuses_scores_whose_rules_do_not_fit():
    for changes, expected in (
        ({"artist_plays": 2}, "artists"),
        ({"artists": indexes(1)}, "artists"),
        ({"relax": [1, 1]}, "relax"),
        ({"reactions": [{1: 0}, {1: 0}]}, "reactions"),
        ({"dayparts": [{1: 1, 2: 0, 3: 5, 4: 9, 5: 0}]}, "dayparts"),
        ({"dayparts": [{1: 1, 2: 5, 3: 5, 4: 0, 5: 0}]}, "minutes"),
        ({"announcements": [announced("a", 7)]}, "announcements"),
        ({"renders": [{1: "p", 2: 480000, 3: 0, 4: [{1: 0, 2: 9}]}]}, "renders"),
        ({"transitions": [{1: 0, 2: 0, 3: 0, 4: 0, 6: 4}]}, "transitions"),
    ):
        try:
            decode_score(dumps(score_map(**changes)))
        except ScoreError as error:
            assert expected in str(error), (changes, str(error))
        else:
            raise AssertionError(changes)


def test_a_swap_in_the_last_fade_ends_nothing_later_than_the_piece():
    length = 9 * BAR + 2 * BEAT
    plan = RenderPlan(name="p", length_frames=length, fade_frames=BAR, hits=[])
    vm = vm_of(sections=[section("a", 8, 8, [layer(1, 0)], [])], plan=plan)
    vm.input(INPUT_SHUFFLE, 0, 9 * BAR + BEAT)
    stops = [event for event in vm.advance(length) if isinstance(event, Stop)]
    assert stops and all([event.frame + event.fade <= length for event in stops])
