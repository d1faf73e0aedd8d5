"""Layers that rest after one stem or from a bar on, and sections that wait for visits, on every runtime."""

from hashlib import sha256

from amos.score.inputs import INPUT_DISLIKE, INPUT_SHUFFLE, INPUT_SKIP
from amos.sound.events import Section, Stop
from test_score import follow, indexes, layer, section
from test_vm import BAR, BEAT, rows, starts, vm_of
from test_vm_patterns import strokes_vm, struck

EDGE = 256  # of the score


def rests_vm(layers, bars=16, **changes):
    """A VM of one section that follows itself, and one pool of four stems of two bars, which are loops."""
    changes.setdefault("sections", [section("a", bars, bars, layers, [])])
    return vm_of(
        stem_frames=[2 * BAR] * 4,
        stems=4,
        pools=[{1: indexes(0, 1, 2, 3)}],
        version=2,
        beats=indexes(8, 8, 8, 8),
        **changes,
    )


def ends(events):
    """(begin, end) of each placement."""
    spans, latest = [], {}
    for event in events:
        if isinstance(event, Stop):
            span = spans[latest[event.voice]]
            span[1] = min(span[1], event.frame + event.fade)
        elif not isinstance(event, Section):
            latest[event.voice] = len(spans)
            spans.append([event.frame, event.frame + event.frames])
    return [(begin, end) for begin, end in spans]


def test_once_is_one_stem_a_slot_and_visit():
    for more in ({}, {"fade": BEAT}, {"count_min": 2, "count_max": 2}):
        vm = rests_vm([layer(1, 0, enter=8, once=True, **more)])
        events = vm.advance(64 * BAR)
        assert [event.frame for event in starts(events)] == [
            bar * BAR for bar in range(2, 64, 16) for _slot in range(more.get("count_max", 1))
        ]


def test_a_swap_brings_another_for_the_one_that_rests_after():
    vm = rests_vm([layer(1, 0, once=True)], reactions=[{1: 1, 3: 2}])
    vm.input(INPUT_DISLIKE, 0, BAR - 3 * BEAT)
    assert [event.frame for event in starts(vm.advance(16 * BAR))] == [0, BAR]


def test_until_ends_a_layer_with_its_fade():
    for more, fade in (({}, EDGE), ({"fade": BEAT}, BEAT), ({"tail": BEAT // 2}, BEAT // 2)):
        vm = rests_vm([layer(1, 0, until=20, **more)])
        spans = ends(vm.advance(16 * BAR))
        assert max([begin for begin, _end in spans]) < 5 * BAR
        assert max([end for _begin, end in spans]) == 5 * BAR + fade, more
        assert starts(vm.advance(17 * BAR))[0].frame == 16 * BAR


def test_until_ends_a_pattern():
    vm = strokes_vm([100], [struck(1, until=9)], bars=4)
    found = [event.frame for event in starts(vm.advance(8 * BAR))]
    assert found == [start * BAR + step * BAR // 8 for start in (0, 4) for step in (0, 3, 6, 8, 11, 14, 16)]


def test_nothing_is_swapped_in_where_a_layer_has_ended():
    for frame in (4 * BAR + 77, 5 * BAR, 5 * BAR + 77):
        vm = rests_vm([layer(1, 0, until=20, fade=BAR)])
        vm.input(INPUT_SHUFFLE, 0, frame)
        events = vm.advance(15 * BAR)
        assert max([event.frame for event in starts(events)]) < 5 * BAR


def entered(sections, bars):
    vm = rests_vm([], sections=sections)
    return [event.section for event in vm.advance(bars * BAR) if isinstance(event, Section)]


def test_a_section_follows_after_so_many_visits_and_again_after_as_many():
    sections = [
        section("a", 2, 2, [layer(1, 0)], [follow(0), follow(1, 1000 * 32768, None, 3)]),
        section("b", 2, 2, [layer(1, 0)], [follow(0)]),
    ]
    assert entered(sections, 24) == [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_visits_count_where_other_sections_lie_between():
    sections = [
        section("a", 1, 1, [layer(1, 0)], [follow(1), follow(2, 1000 * 32768, None, 2)]),
        section("b", 1, 1, [layer(1, 0)], [follow(0)]),
        section("c", 1, 1, [layer(1, 0)], [follow(0)]),
    ]
    assert entered(sections, 9) == [0, 1, 0, 2, 0, 1, 0, 2, 0]


def test_with_all_closed_any_follows():
    sections = [
        section("a", 1, 1, [layer(1, 0)], [follow(1, after=9)]),
        section("b", 1, 1, [layer(1, 0)], [follow(0)]),
    ]
    assert entered(sections, 4) == [0, 1, 0, 1]


def test_rests_are_the_same_on_every_runtime_and_for_any_step():
    def playing():
        layers = [
            layer(1, 0, fade=BEAT, once=True),
            layer(2, 0, count_max=2, until=9),
            struck(3, until=5, rings=True, count_min=2, count_max=2),
        ]
        nexts = [follow(0), follow(1, after=2)]
        sections = [section("a", 3, 9, layers, nexts), section("b", 3, 3, layers[1:], [follow(0)])]
        vm = rests_vm([], sections=sections, tempo=97_310, voices=30)
        vm.input(INPUT_SKIP, 0, 20 * BAR + 777)
        vm.input(INPUT_SHUFFLE, 0, 30 * BAR + 777)
        return vm

    whole = rows(playing().advance(100 * BAR))
    assert sha256(str(whole).encode()).digest().hex()[:16] == "ba10284dd634d93c"
    for step in (4096, BEAT, 7 * BAR + 1):
        vm, pieces = playing(), []
        for until in range(step, 100 * BAR + step, step):
            pieces.extend(vm.advance(min(until, 100 * BAR)))
        assert rows(pieces) == whole
