"""What is no loop, after a loop that has rung out: it fades in as it always did, or comes in at once (version 3)."""

from hashlib import sha256

from test_score import indexes, layer, section
from test_vm import BAR, BEAT, rows, starts, vm_of

EDGE_IN = 64
LENGTHS = [4 * BAR + BEAT, 6 * BAR]
"""A loop of four bars that rings out for a beat, and a pad that knows no beats."""


def seams_vm(fade=2 * BAR, **changes):
    """One layer that plays the loop and the pad in turn."""
    return vm_of(
        stem_frames=LENGTHS,
        stems=2,
        pools=[{1: indexes(0, 1)}],
        sections=[section("a", 64, 64, [layer(1, 0, fade=fade)], [])],
        beats=indexes(16, 0),
        **changes,
    )


def followed(events):
    """Each start but the first, with the one before it."""
    found = starts(events)
    return [(found[index - 1], found[index]) for index in range(1, len(found))]


def pads(events):
    """Each start of the pad after a loop, with that of the loop."""
    return [pair for pair in followed(events) if (pair[0].stem, pair[1].stem) == (0, 1)]


def test_it_comes_in_at_once_where_the_loop_has_no_fade():
    found = pads(seams_vm(version=3, seams=True).advance(200 * BAR))
    assert len(found) > 5
    for before, start in found:
        assert before.frame + 4 * BAR == start.frame and before.fade_out == BEAT
        assert start.fade_in == EDGE_IN and start.fade_out == 2 * BAR


def test_what_follows_on_a_pad_fades_as_long_as_the_layer_says():
    found = followed(seams_vm(version=3, seams=True).advance(200 * BAR))
    after_pads = [start for before, start in found if before.stem == 1]
    assert after_pads and all([start.fade_in == 2 * BAR for start in after_pads])


def test_in_version_2_it_fades_in_as_it_always_did():
    for changes in ({"version": 2}, {"version": 3, "seams": False}):
        events = seams_vm(**changes).advance(400 * BAR)
        found = pads(events)
        assert found and all([start.fade_in == 2 * BAR for _before, start in found])
        text = "\n".join([str(item) for item in rows(events)])
        assert sha256(text.encode()).digest().hex()[:16] == "b4c298257666aa51"


def test_only_the_fade_differs():
    old = seams_vm(version=2).advance(400 * BAR)
    new = seams_vm(version=3, seams=True).advance(400 * BAR)
    assert [(start.frame, start.stem, start.frames) for start in starts(old)] == [
        (start.frame, start.stem, start.frames) for start in starts(new)
    ]


def test_strokes_beside_it_come_in_over_the_edge():
    struck = layer(2, 0, ticks=2, strokes=indexes(0, 1))
    sections = [section("a", 64, 64, [struck], [])]
    vm = vm_of(stem_frames=[BEAT] * 7, sections=sections, version=3, seams=True, beats=indexes(1, 0, 0, 0, 0, 0, 0))
    found = starts(vm.advance(4 * BAR))
    assert len(found) == 8 and all([start.fade_in == EDGE_IN for start in found])
