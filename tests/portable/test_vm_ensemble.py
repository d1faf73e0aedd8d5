"""Layers that wait for others, and roles that never sound at once, on every runtime."""

from amos.score.ensemble import EXCLUSIVE, WHEN
from amos.score.expression import AND, CONST, NOT, ONE, SLIDER
from amos.score.inputs import INPUT_DISLIKE, INPUT_SHUFFLE, INPUT_SKIP, INPUT_SLIDER
from amos.sound.events import Start, Stop
from test_score import follow, indexes, layer, refused, score_map, section, words
from test_vm import BAR, BEAT, rows, vm_of

BEATS, TOPS, MELODY = 0, 4, 5
BOTH = 1 << TOPS | 1 << MELODY


def sounds(role):
    return SLIDER, 32 + role


def ensemble_vm(layers, bars=8, exclusive=None, lengths=None, **changes):
    """One section over three pools of two stems each."""
    changes.setdefault("sections", [section("a", bars, bars, layers, [])])
    if exclusive is not None:
        changes["exclusive"] = exclusive
    return vm_of(
        stem_frames=lengths or [4 * BAR] * 6,
        stems=6,
        pools=[{1: indexes(0, 1)}, {1: indexes(2, 3)}, {1: indexes(4, 5)}],
        version=2,
        **changes,
    )


def spans(events):
    """[pool, first frame, end] of every placement."""
    voices = {}
    found = []
    for event in events:
        if isinstance(event, Start):
            voices[event.voice] = len(found)
            found.append([event.stem // 2, event.frame, event.frame + event.frames])
        elif isinstance(event, Stop):
            span = found[voices[event.voice]]
            span[2] = min(span[2], event.frame + event.fade)
    return found


def together(found, one, other):
    """Frames in which stems of both pools sound, counted by pairs."""
    shared = 0
    for pool, begin, end in found:
        if pool == one:
            shared += sum([max(0, min(end, o[2]) - max(begin, o[1])) for o in found if o[0] == other])
    return shared


def test_a_layer_begins_only_when_the_other_sounds():
    beats = layer(1, 0, role=BEATS, grid=16, chance=words(CONST, ONE // 2))
    tops = layer(2, 1, role=TOPS, grid=16, when=words(*sounds(BEATS)))
    found = spans(ensemble_vm([beats, tops]).advance(800 * BAR))
    drums = {begin for pool, begin, end in found if pool == 0}
    assert 60 < len(drums) < 140
    assert {begin for pool, begin, end in found if pool == 1} == drums


def test_it_is_decided_in_the_order_of_the_table():
    """Above the layer that it waits for, a layer hears of it at its next point only."""
    beats = layer(1, 0, role=BEATS, grid=16, enter=8)
    tops = layer(2, 1, role=TOPS, grid=4, when=words(*sounds(BEATS)))
    for layers, first in (([beats, tops], 2 * BAR), ([tops, beats], 3 * BAR)):
        found = spans(ensemble_vm(layers, bars=1000).advance(20 * BAR))
        assert min([begin for pool, begin, end in found if pool == 1]) == first


def test_what_rings_out_or_fades_does_not_sound_any_more():
    beats = layer(1, 0, role=BEATS, grid=16, fade=2 * BEAT, chance=words(SLIDER, 0))
    tops = layer(2, 1, role=TOPS, grid=1, when=words(*sounds(BEATS)))
    vm = ensemble_vm(
        [beats, tops],
        bars=1000,
        lengths=[4 * BAR, 4 * BAR, BEAT, BEAT, BEAT, BEAT],
        beats=indexes(*[16, 16, 1, 1, 1, 1]),
    )
    vm.input(INPUT_SLIDER, ONE, 0)
    vm.input(INPUT_SLIDER, 0, 1)
    found = spans(vm.advance(40 * BAR))
    assert [span for span in found if span[0] == 0] == [[0, 0, 4 * BAR + 2 * BEAT]]
    assert [span[1] for span in found if span[0] == 1] == [beat * BEAT for beat in range(16)]


def test_conditions_join_roles_and_sliders():
    beats = layer(1, 0, role=BEATS, grid=16)
    tops = layer(2, 1, role=TOPS, grid=4, when=words(*(sounds(BEATS) + sounds(MELODY) + (NOT, AND, SLIDER, 0, AND))))
    vm = ensemble_vm([beats, tops, layer(3, 2, role=MELODY, grid=400, enter=200)], bars=100)
    vm.input(INPUT_SLIDER, 0, 20 * BAR)
    found = [begin // BAR for pool, begin, end in spans(vm.advance(100 * BAR)) if pool == 1]
    assert found == [0, 4, 8, 12, 16]
    vm = ensemble_vm([beats, layer(3, 2, role=MELODY, grid=400, enter=200), tops], bars=100)
    found = [begin // BAR for pool, begin, end in spans(vm.advance(100 * BAR)) if pool == 1]
    assert found == list(range(0, 52, 4)) + list(range(54, 100, 4))


def test_roles_that_exclude_one_another_never_sound_at_once():
    """Whatever overlaps: fades, rings, loops that go round, sections that give way, swaps and skips at any moment."""
    for more in ({"fade": 2 * BEAT}, {"rings": True}, {"tail": BEAT}, {}):
        for beats in (None, [16, 16, 8, 8, 12, 12]):
            tops = layer(2, 1, role=TOPS, grid=8, chance=words(CONST, ONE // 2), **more)
            tune = layer(3, 2, role=MELODY, grid=4, chance=words(CONST, ONE // 2), count_max=2, **more)
            sections = [
                section("a", 3, 5, [layer(1, 0, role=BEATS, fade=BEAT), tops, tune], [follow(0), follow(1)]),
                section("b", 2, 4, [tune, tops], [follow(0), follow(1)]),
            ]
            for at in (0, 1, 2, 3):
                rules = [{1: 0, 2: 0, 3: BAR, 4: 0, 5: at}]
                changes = {"transitions": rules, "reactions": [{1: 1, 3: 2}], "voices": 12}
                if beats is not None:
                    changes["beats"] = indexes(*beats)
                lengths = [4 * BAR, 4 * BAR + 99, 2 * BAR, 2 * BAR + BEAT, 3 * BAR, 2 * BAR + 100]
                vm = ensemble_vm([], sections=sections, exclusive=[BOTH], lengths=lengths, **changes)
                events = []
                for number in range(60):
                    vm.input((INPUT_SKIP, INPUT_DISLIKE, INPUT_SHUFFLE)[number % 3], 0, vm.frame + number * 997)
                    events.extend(vm.advance(vm.frame + 5 * BEAT + 1313))
                found = spans(events)
                assert {0, 1, 2} == {span[0] for span in found}
                assert together(found, 1, 2) == 0, (more, beats, at)


def test_a_section_of_its_own_keeps_roles_apart_and_takes_over_one_of_them():
    tops = layer(2, 1, role=TOPS, grid=16)
    tune = layer(3, 2, role=MELODY, grid=16)
    sections = [
        section("a", 2, 2, [tops, tune], [follow(1)]),
        section("b", 6, 6, [tops, tune], [follow(0)], exclusive=[BOTH]),
    ]
    vm = ensemble_vm([], sections=sections, transitions=[{1: 0, 2: 0, 3: BEAT, 4: 0}])
    found = spans(vm.advance(8 * BAR))
    assert together(found, 1, 2) == 2 * BAR + BEAT
    assert found[0] == [1, 0, 4 * BAR]
    assert [span for span in found if span[0] == 2] == [[2, 0, 2 * BAR + BEAT]]


def test_roles_that_exclude_one_another_share_their_voices_and_no_more():
    tops = layer(2, 1, role=TOPS, fade=BEAT, count_max=2, chance=words(CONST, ONE // 2))
    tune = layer(3, 2, role=MELODY, fade=BEAT, chance=words(CONST, ONE // 2))
    fields = {"transitions": [{1: 0, 2: 0, 3: BEAT, 4: 0}], "version": 2}
    fields["pools"] = [{1: indexes(0, 1)}, {1: indexes(2, 3)}, {1: indexes(4, 5)}]
    own = [section("a", 4, 4, [tops, tune], [], exclusive=[BOTH])]
    everywhere = [section("a", 4, 4, [tops, tune], [])]
    for sections, more in ((own, {}), (everywhere, {"exclusive": [BOTH]})):
        said = refused(score_map(voices=3, sections=sections, **dict(fields, **more)))
        assert "section a: expected at most 3 voices, found 4" in said
    vm = ensemble_vm([], sections=own, voices=4, transitions=fields["transitions"])
    found = spans(vm.advance(400 * BAR))
    assert together(found, 1, 2) == 0 and {span[0] for span in found} == {1, 2}
    # Two rules that share a role: what they share cannot stand for both.
    third = layer(1, 0, role=BEATS, fade=BEAT, chance=words(CONST, ONE // 2))
    pairs = [BOTH, 1 << TOPS | 1 << BEATS]
    said = refused(
        score_map(voices=5, sections=[section("a", 4, 4, [tops, tune, third], [], exclusive=pairs)], **fields)
    )
    assert "found 6" in said


def test_it_is_the_same_for_any_step_and_tells_why():
    def vm_():
        tune = layer(3, 2, role=MELODY, grid=4, when=words(SLIDER, 32 + BEATS, NOT), fade=BEAT)
        tops = layer(2, 1, role=TOPS, grid=8, chance=words(CONST, ONE // 2), fade=BEAT)
        return ensemble_vm(
            [layer(1, 0, role=BEATS, grid=32, chance=words(CONST, ONE // 2)), tops, tune], exclusive=[BOTH]
        )

    whole = rows(vm_().advance(300 * BAR))
    vm = vm_()
    told = []
    vm.explain(told.append)
    pieces = []
    while vm.frame < 300 * BAR:
        pieces.extend(vm.advance(min(300 * BAR, vm.frame + 77_777)))
    assert rows(pieces) == whole
    assert {choice.kept_back for choice in told} == {0, WHEN, EXCLUSIVE}
    for choice in told:
        assert not choice.kept_back or (choice.layer == 2 or choice.kept_back == EXCLUSIVE)
        assert choice.kept_back != WHEN or choice.sounding >> BEATS & 1


def test_refuses_by_name():
    def one(item, **changes):
        return dict({"version": 2, "sections": [section("a", 2, 2, [item], [])]}, **changes)

    cases = (
        (one(layer(1, 0, when=words(SLIDER, 40))), "when: unknown slider"),
        (one(layer(1, 0, when=words(SLIDER, 31))), "when: unknown slider"),
        (one(layer(1, 0, when=words(NOT))), "when: value missing"),
        (one(layer(1, 0, chance=words(SLIDER, 32))), "chance: unknown slider"),
        (one(layer(1, 0), exclusive=[]), "exclusive: expected at least one"),
        (one(layer(1, 0), exclusive=[1 << TOPS]), "exclusive: expected two roles or more"),
        (one(layer(1, 0), exclusive=[0]), "exclusive: expected two roles or more"),
        (one(layer(1, 0), exclusive=[1 << 8 | 1]), "exclusive"),
        (one(layer(1, 0), exclusive=[BOTH] * 17), "exclusive"),
        (
            {"version": 2, "sections": [section("a", 2, 2, [], [], exclusive=[1])]},
            "exclusive: expected two roles or more",
        ),
        ({"exclusive": [BOTH]}, "version: expected 2 with these fields, found 1"),
    )
    for changes, expected in cases:
        message = refused(score_map(**changes))
        assert expected in message, (changes, message)


def test_strokes_are_kept_back_like_any_layer():
    tune = layer(3, 2, role=MELODY, grid=16, chance=words(CONST, ONE // 2))
    tops = layer(2, 1, role=TOPS, grid=4, ticks=16, strokes=indexes(0, 3, 6, 10))
    vm = ensemble_vm([tune, tops], exclusive=[BOTH], lengths=[4 * BAR] * 2 + [BEAT // 8] * 2 + [4 * BAR] * 2)
    found = spans(vm.advance(400 * BAR))
    assert together(found, 1, 2) == 0
    struck = len([span for span in found if span[0] == 1])
    tunes = len([span for span in found if span[0] == 2])
    assert struck == 4 * (400 - 4 * tunes) and tunes > 20
