"""Hits and ends: on the frame, or refused with a sentence; nothing sounds past the end."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.packs.folder import PackFolder
from amos.score.score import Score, decode_score
from amos.sound.events import Section, Start, Stop
from amos_tools.render.errors import BadLength, HitRefused
from amos_tools.render.plan import Hit, Plan, PlannedVm
from amos_tools.simulate import TimedInput, seed32


def events(pack: PackFolder, score: Score, plan: Plan, step: int = 8192) -> list[Start | Stop | Section]:
    stems = pack.manifest.stems
    vm = PlannedVm(score, [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], plan)
    found: list[Start | Stop | Section] = []
    for until in range(step, plan.frames + 2 * step, step):
        found += vm.advance(until)
    return found


def plain(found: list[Start | Stop | Section]) -> list[tuple[object, ...]]:
    return [(type(event), *(getattr(event, name) for name in event.__slots__)) for event in found]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(0, 220_000), st.integers(0, 2)), max_size=3, unique_by=lambda hit: hit[0]),
    st.lists(st.integers(0, 220_000), max_size=3),
)
def test_a_hit_is_met_on_its_frame_or_refused(
    pack_folder: object, seed: int, hits: list[tuple[int, int]], skips: list[int]
) -> None:
    from amos.crypto import public_key, verify
    from amos.packs.folder import open_pack

    pack = open_pack(str(pack_folder), public_key(bytes(range(32))), verify)
    score = decode_score(pack.score())
    plan = Plan(
        seed32(seed),
        220_500,
        22_050,
        tuple(TimedInput(frame, 0, 0) for frame in skips),
        tuple(Hit(*hit) for hit in hits),
    )
    try:
        found = events(pack, score, plan)
    except HitRefused as error:
        assert "hit" in str(error)
        return
    entered = [(event.frame, event.section) for event in found if isinstance(event, Section)]
    assert set(hits) <= set(entered)
    assert plain(found) == plain(events(pack, score, plan, step=448)), "the same for any step"
    sounding: dict[int, int] = {}
    for event in found:
        if isinstance(event, Start):
            assert event.frame < plan.frames - plan.fade_frames
            assert sounding.get(event.voice, 0) <= event.frame
            sounding[event.voice] = event.frame + event.frames
        elif isinstance(event, Stop):
            sounding[event.voice] = min(sounding[event.voice], event.frame + event.fade)
    assert max(sounding.values()) <= plan.frames


def test_a_single_hit_in_music_is_met(pack: PackFolder, plan: Plan) -> None:
    """Most seeds: only a hit on the section that plays already has to be refused."""
    score = decode_score(pack.score())
    met = 0
    for seed in range(20):
        try:
            found = events(pack, score, replace(plan, seed=seed32(seed), hits=(Hit(50_001, 2),)))
        except HitRefused:
            continue
        met += (50_001, 2) in {(event.frame, event.section) for event in found if isinstance(event, Section)}
    assert met == 20, "no `next` leads to section 2, so it never plays already"


def test_impossible_plans_are_refused(pack: PackFolder, plan: Plan) -> None:
    score = decode_score(pack.score())
    for hits, expected in (
        ((Hit(plan.frames, 1),), "expected within"),
        ((Hit(100, 1), Hit(100, 2)), "frames apart"),
        ((Hit(30_000, 1), Hit(30_100, 2)), "frames apart"),
    ):
        with pytest.raises(HitRefused, match=expected):
            events(pack, score, replace(plan, hits=hits))
    with pytest.raises(BadLength):
        events(pack, score, replace(plan, frames=0))
