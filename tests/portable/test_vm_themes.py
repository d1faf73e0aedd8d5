"""Themes: stems that belong together, one theme for each visit of a section, on every runtime."""

from amos.protocol.cbor import dumps
from amos.score.chooser import RULE_NAMES
from amos.score.draw import SECTION_LANE, below, draw
from amos.score.inputs import INPUT_BLOCK
from amos.score.score import decode_score
from amos.sound.events import Section, Start, Stop
from test_score import indexes, layer, refused, score_map, section
from test_vm import BAR, BEAT, SEED, rows, vm_of

THEMES = [{1: indexes(0, 1, 4)}, {1: indexes(2, 3, 5)}]


def themed_vm(layers, bars=4, themes=THEMES, **changes):
    """A section that follows itself, over a pool of four stems and one of three, with two themes."""
    changes.setdefault("transitions", [{1: 0, 2: 0, 3: BEAT, 4: 0}])
    return vm_of(
        stem_frames=[4 * BAR] * 7,
        pools=[{1: indexes(0, 1, 2, 3)}, {1: indexes(4, 5, 6)}],
        version=2,
        themes=themes,
        sections=[section("a", bars, bars, layers, [], themes=list(range(len(themes))))],
        **changes,
    )


def visits(events):
    """The stems that begin in each visit."""
    found = []
    for event in events:
        if isinstance(event, Section):
            found.append([])
        elif isinstance(event, Start):
            found[-1].append(event.stem)
    return found


def counts(vm):
    return {name: count for name, count in zip(RULE_NAMES, vm.relaxations()) if count}


def test_each_visit_plays_the_theme_that_it_draws():
    vm = themed_vm([layer(1, 0, grid=16, themed=True), layer(2, 1, grid=16, themed=True)], bars=8)
    found = visits(vm.advance(800 * BAR))
    drawn = [below(draw(SEED, visit, SECTION_LANE, 2), 2) for visit in range(100)]
    assert len(found) == 100 and {0, 1} == set(drawn)
    for theme, stems in zip(drawn, found):
        assert len(stems) == 4 and set(stems) <= {0: {0, 1, 4}, 1: {2, 3, 5}}[theme]
    # The bass has one stem a theme, which follows on itself: no theme gives way for that.
    assert "theme" not in counts(vm)


def test_a_layer_that_is_not_themed_plays_from_its_whole_pool():
    vm = themed_vm([layer(1, 0, grid=16)], bars=8)
    assert {stem for stems in visits(vm.advance(400 * BAR)) for stem in stems} == {0, 1, 2, 3}


def test_a_theme_without_stems_for_a_layer_gives_way_and_is_counted():
    vm = themed_vm([layer(1, 1, grid=16, themed=True)], themes=[{1: indexes(0, 1)}, {1: indexes(2, 3)}], bars=8)
    found = visits(vm.advance(400 * BAR))
    assert {stem for stems in found for stem in stems} == {4, 5, 6}
    assert counts(vm)["theme"] == sum([len(stems) for stems in found])


def test_a_blocked_theme_gives_way():
    vm = themed_vm([layer(1, 1, grid=16, themed=True)], themes=[{1: indexes(4, 5)}], bars=8)
    vm.input(INPUT_BLOCK, 4, 0)
    vm.input(INPUT_BLOCK, 5, 0)
    assert set([event.stem for event in vm.advance(80 * BAR) if isinstance(event, Start)]) == {6}
    assert counts(vm)["theme"] == 20


def test_a_theme_too_small_for_the_count_does_not_sound_beside_itself():
    vm = themed_vm([layer(1, 0, grid=16, count_min=2, count_max=2, themed=True)], themes=[{1: indexes(1)}])
    sounding = {}
    for event in vm.advance(400 * BAR):
        if isinstance(event, Start):
            sounding[event.voice] = (event.stem, event.frame + event.frames)
            now = [stem for stem, end in sounding.values() if end > event.frame]
            assert len(set(now)) == len(now), now
    assert counts(vm)["theme"] >= 100


def test_what_is_not_of_the_new_theme_fades_and_what_is_plays_on():
    vm = themed_vm([layer(1, 0, grid=4, themed=True)], bars=2)
    before = None
    kept = stopped = 0
    visit = -1
    sounding = -1
    for event in vm.advance(400 * BAR):
        if isinstance(event, Section):
            before, visit = sounding, visit + 1
        elif isinstance(event, Stop):
            stopped += 1
        elif isinstance(event, Start):
            sounding = event.stem
        theme = below(draw(SEED, max(visit, 0), SECTION_LANE, 2), 2)
        if isinstance(event, Section) and visit and (before < 2) == (theme == 0):
            kept += 1
    assert kept > 20 and stopped > 20
    themes = [below(draw(SEED, at, SECTION_LANE, 2), 2) for at in range(200)]
    # A stem lasts two visits, so it is cut just where the theme changes in its middle.
    assert stopped == cuts(themes)


def cuts(themes):
    """How often a stem of four bars is under way when a visit of two bars draws another theme."""
    found = left = 0
    for at, theme in enumerate(themes):
        if left and theme == themes[at - 1]:
            left = 0
            continue
        if left:
            found += 1
        left = 1
    return found


def test_a_themed_section_that_follows_itself_needs_its_voices_twice():
    layers = [layer(1, 0, fade=BEAT, themed=True), layer(2, 1)]
    fields = {
        "version": 2,
        "themes": THEMES,
        "sections": [section("a", 4, 4, layers, [], themes=[0, 1])],
        "transitions": [{1: 0, 2: 0, 3: BEAT, 4: 0}],
    }
    assert "sections a and a: expected at most 4 voices together, found 5" in refused(score_map(voices=4, **fields))
    assert decode_score(dumps(score_map(voices=5, **fields))).version == 2


def test_it_is_the_same_for_any_step_and_goes_on_after_a_start():
    layers = [layer(1, 0, fade=BEAT, themed=True, count_max=2), layer(2, 1, themed=True)]
    whole = rows(themed_vm(layers, voices=10).advance(200 * BAR))
    vm = themed_vm(layers, voices=10)
    pieces = []
    while vm.frame < 200 * BAR:
        pieces.extend(vm.advance(min(200 * BAR, vm.frame + 77_777)))
    assert rows(pieces) == whole
    assert len(rows(themed_vm(layers, voices=10, memory=vm.memory()).advance(200 * BAR))) > 100


def test_refuses_by_name():
    plain = section("a", 2, 2, [layer(1, 0, themed=True)], [])

    def themed(own, **changes):
        return dict({"version": 2, "sections": [section("a", 2, 2, [], [], themes=own)]}, **changes)

    cases = (
        ({"version": 2, "sections": [plain]}, "layers: expected themed ones in a section with themes"),
        (themed([0]), "themes: expected below 0, found 0"),
        (themed([2], themes=THEMES), "themes: expected below 2, found 2"),
        (themed([], themes=THEMES), "themes: expected at least one, each once"),
        (themed([0, 0], themes=THEMES), "themes: expected at least one, each once"),
        (themed([32], themes=THEMES), "themes"),
        (themed([0], themes=[{1: indexes()}]), "themes: expected ascending stems, at least one, below 7"),
        (themed([0], themes=[{1: indexes(1, 0)}]), "themes: expected ascending stems, at least one, below 7"),
        (themed([0], themes=[{1: indexes(7)}]), "themes: expected ascending stems, at least one, below 7"),
        (themed([0], themes=[{1: indexes(0)}] * 33), "themes"),
        (themed([0], themes=[{1: indexes(0), 2: indexes(1)}]), "themes: expected no beats"),
        ({"themes": THEMES}, "version: expected 2 with these fields, found 1"),
    )
    for changes, expected in cases:
        message = refused(score_map(**changes))
        assert expected in message, (changes, message)
