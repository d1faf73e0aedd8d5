"""Stems that begin before their downbeat, on every runtime: the downbeat is on the grid, whatever stem it is of."""

from hashlib import sha256

from amos.score.inputs import INPUT_BLOCK, INPUT_PAUSE, INPUT_SHUFFLE, INPUT_SKIP
from amos.sound.events import Section
from test_score import follow, indexes, layer, longs, section, struck
from test_vm import BAR, BEAT, rows, starts, vm_of
from test_vm_loops import most_at_once

PICKUPS = [0, BEAT, BEAT // 2, 999]


def pickups_vm(layers, pickups=PICKUPS, stem_frames=None, bars=16, **changes):
    """A VM of one section and one pool of stems with these pickups, each of four bars and its pickup."""
    count = len(pickups)
    stem_frames = stem_frames or [4 * BAR + pickup for pickup in pickups]
    changes.setdefault("sections", [section("a", bars, bars, layers, [])])
    return vm_of(
        stem_frames=stem_frames,
        stems=count,
        pools=[{1: indexes(*range(count))}],
        version=2,
        pickups=longs(*pickups),
        **changes,
    )


def downbeats(events, pickups=PICKUPS):
    return [event.frame - event.offset + pickups[event.stem] for event in starts(events)]


def test_the_downbeat_of_each_stem_is_on_the_grid():
    for beats in (None, [16, 16, 16, 16]):
        for more in ({"rings": True}, {"fade": BEAT}, {"tail": BEAT}):
            changes = {} if beats is None else {"beats": indexes(*beats)}
            vm = pickups_vm([layer(1, 0, grid=16, **more)], bars=64, **changes)
            events = vm.advance(199 * BAR)
            assert downbeats(events) == [bar * BAR for bar in range(0, 200, 4)], (beats, more)
            assert {event.stem for event in starts(events)} == {0, 1, 2, 3}
            assert all([event.frame % (64 * BAR) == 0 for event in starts(events) if event.offset])
            assert most_at_once(events) == 2


def test_without_a_second_voice_the_downbeats_stay():
    vm = pickups_vm([layer(1, 0, grid=16)], voices=1, bars=64, beats=indexes(16, 16, 16, 16))
    events = vm.advance(60 * BAR)
    assert most_at_once(events) == 1 and {frame % BAR for frame in downbeats(events)} == {0}
    vm = pickups_vm([layer(1, 0)], voices=1, bars=64)
    assert {frame % BAR for frame in downbeats(vm.advance(60 * BAR))} == {0}


def test_where_a_layer_begins_the_pickup_is_left_out_and_where_it_enters_later_it_is_not():
    for enter, frame, offset in ((0, 0, BEAT), (4, 3 * BEAT, 0)):
        vm = pickups_vm([layer(1, 0, grid=16, enter=enter, rings=True)], [BEAT])
        first = starts(vm.advance(5 * BAR))[0]
        assert (first.frame, first.offset, first.frames) == (frame, offset, 4 * BAR + BEAT - offset)


def test_a_skip_into_the_middle_of_a_bar_keeps_the_downbeats():
    layers = [layer(2, 0, grid=4, rings=True)]
    sections = [section("a", 16, 16, [layer(1, 0, grid=16)], [follow(1)]), section("b", 8, 8, layers, [follow(0)])]
    vm = pickups_vm([], sections=sections, beats=indexes(16, 16, 16, 16))
    vm.input(INPUT_SKIP, 0, 5 * BAR + 777)
    events = vm.advance(40 * BAR)
    assert [event.frame for event in events if isinstance(event, Section)][1] == 5 * BAR + 777
    assert {frame % BAR for frame in downbeats(events)} == {0}


def test_a_stem_that_is_blocked_while_it_waits_gives_way_to_another():
    """Between its decision, a beat ahead, and its own beginning."""
    vm = pickups_vm([layer(1, 0, grid=16, rings=True)], [0, 0, BEAT], bars=64)
    choices = []
    vm.explain(choices.append)
    for bar in range(4, 60, 4):
        vm.advance(bar * BAR - BEAT + 1)
        stem = choices[-1].stem
        if stem != 2 and bar > 8:
            vm.input(INPUT_BLOCK, stem, bar * BAR - 100)
            break
    found = [event for event in starts(vm.advance(bar * BAR + 1)) if event.frame >= bar * BAR - BEAT]
    assert [event.frame - event.offset + (0, 0, BEAT)[event.stem] for event in found] == [bar * BAR]
    assert found[0].stem != stem


def test_a_pack_with_a_stem_no_longer_than_its_pickup_is_refused():
    try:
        pickups_vm([layer(1, 0)], [BEAT], [BEAT])
    except ValueError as error:
        assert str(error) == "pack: expected stem 0 to be longer than its pickup"
    else:
        raise AssertionError("expected a refusal")


def test_what_begins_late_lasts_until_a_point_after_it():
    """A pickup of five beats, left out where the section begins: the next point less the pickup is before that."""
    for beats in (None, [1]):
        for more in ({"fade": 100}, {"rings": True}, {}):
            changes = {} if beats is None else {"beats": indexes(*beats)}
            vm = pickups_vm([layer(1, 0, grid=1, **more)], [5 * BEAT], [5 * BEAT + 116], bars=2, **changes)
            assert all([event.frames > 0 for event in starts(vm.advance(20 * BAR))])


def test_strokes_have_no_pickup():
    vm = pickups_vm([], sections=struck(version=2)["sections"])
    assert [event.frame for event in starts(vm.advance(BAR))] == [0, BEAT // 4]


def test_pickups_are_the_same_on_every_runtime_and_for_any_step():
    def playing():
        layers = [layer(1, 0, fade=BEAT, grid=8), layer(2, 0, count_max=2, cue=500), layer(3, 0, rings=True, enter=1)]
        sections = [section("a", 3, 9, layers, [follow(0), follow(1)]), section("b", 2, 2, layers[1:], [follow(0)])]
        vm = pickups_vm([], sections=sections, tempo=97_310, voices=30, beats=indexes(0, 16, 4, 16))
        vm.input(INPUT_SKIP, 0, 20 * BAR + 777)
        vm.input(INPUT_SHUFFLE, 0, 30 * BAR + 777)
        vm.input(INPUT_PAUSE, 1, 50 * BAR)
        vm.input(INPUT_PAUSE, 0, 51 * BAR)
        return vm

    whole = rows(playing().advance(100 * BAR))
    assert sha256(str(whole).encode()).digest().hex()[:16] == "418b80acfab505cd"
    for step in (4096, BEAT, 7 * BAR + 1):
        vm, pieces = playing(), []
        for until in range(step, 100 * BAR + step, step):
            pieces.extend(vm.advance(min(until, 100 * BAR)))
        assert rows(pieces) == whole
