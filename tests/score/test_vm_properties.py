"""The VM over scores, packs, inputs, plans and steps of any kind that `decode_score` lets through."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from score_strategies import BEAT, BEAT_MAX, END, FADES, LENGTHS, STEMS, scores

from amos.protocol.cbor import dumps
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_BLOCK,
    INPUT_BLOCK_MANY,
    INPUT_CLOCK,
    INPUT_DISLIKE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SHUFFLE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
    InputRefused,
)
from amos.score.score import Hit, RenderPlan, Score, ScoreError, decode_score
from amos.score.vm import Vm
from amos.sound.events import Duck, Level, Section, Start, Stop, Volume
from amos_ledger.intake.placements import ROUNDS_MAX
from test_score import follow, indexes, layer, score_map, section
from test_vm import rows

KINDS = [
    *(INPUT_SKIP, INPUT_SKIP, INPUT_LIKE, INPUT_DISLIKE, INPUT_SHUFFLE, INPUT_ANNOUNCE, INPUT_BLOCK, INPUT_SLIDER),
    *(INPUT_PAUSE, INPUT_PAUSE, INPUT_VOLUME),
]
INPUTS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(KINDS),
            st.one_of(st.integers(0, 1), st.integers(0, 7), st.integers(0, 32768)),
            st.integers(0, 200 * BEAT),
        ),
        # About the minute 00:01, when the announcements are due.
        st.tuples(st.just(INPUT_CLOCK), st.integers(0, 200), st.integers(0, 200 * BEAT)),
        st.tuples(st.just(INPUT_CLOCK), st.integers(13 * 86400 - 100, 13 * 86400 + 50), st.integers(0, 200 * BEAT)),
    ),
    max_size=14,
)
PLANS = st.one_of(st.none(), st.none(), st.tuples(st.integers(4 * BEAT, END), FADES, st.lists(st.integers(0, END))))


def plan_of(score: Score, drawn: Any) -> RenderPlan | None:
    if drawn is None:
        return None
    length, fade, frames = drawn
    fade = min(fade, length // 2)
    hits: list[Hit] = []
    for frame in sorted(frames):
        if (not hits or frame >= hits[-1].frame + 2048) and (frame == 0 or 2048 <= frame <= length - fade - 2048):
            hits.append(Hit(frame=frame, section=frame % len(score.sections)))
    return RenderPlan(name="p", length_frames=length, fade_frames=fade, hits=hits[:32])


def with_pickups(score: Score, lengths: list[int]) -> list[int]:
    """Each stem as long after its first downbeat."""
    return [length + pickup for length, pickup in zip(lengths, score.pickups or bytes(STEMS), strict=True)]


def played(score: Score, lengths: list[int], seed: bytes, inputs: Any, step: int, plan: Any = None) -> list[Any]:
    vm = Vm(score, lengths, [32767] * STEMS, seed, None, plan)
    for kind, value, frame in inputs:
        try:
            vm.input(kind, value, frame)
        except InputRefused:
            continue
    events: list[Any] = []
    for until in range(step, END + step, step):
        events.extend(vm.advance(min(until, END)))
    Vm(score, lengths, [32767] * STEMS, seed, vm.memory())
    return events


def check_voices(score: Score, lengths: list[int], events: list[Any]) -> None:
    ranks = {kind: rank for rank, kind in enumerate((Volume, Duck, Stop, Section, Start, Level))}
    busy_until = [0] * score.voices
    previous = (0, 0)
    section_now = entered_at = -1
    spoken = score.voices - 1 if score.music_voices() < score.voices else -1
    for event in events:
        order = (event.frame, ranks[type(event)])
        assert order >= previous
        previous = order
        if isinstance(event, Start):
            assert busy_until[event.voice] <= event.frame
            assert event.frames > 0 and 0 <= event.offset < lengths[event.stem] and event.loop <= lengths[event.stem]
            assert event.loop or event.offset + event.frames <= lengths[event.stem]
            assert event.frames <= ROUNDS_MAX * lengths[event.stem], "what a ledger takes for possible"
            assert event.fade_in >= 0 and event.fade_out >= 0 and event.fade_in + event.fade_out <= event.frames
            leaving = event.frame == entered_at and event.fade_in + event.fade_out == event.frames
            if event.voice != spoken and not leaving:
                held: set[int] = set()
                for item in score.sections[section_now].layers:
                    pool = score.pools[item.pool]
                    held.update(pool.stems, pool.off_key or (), pool.off_tempo or ())
                assert event.stem in held
            busy_until[event.voice] = event.frame + event.frames
        elif isinstance(event, Stop):
            assert 0 < event.fade <= busy_until[event.voice] - event.frame
            busy_until[event.voice] = event.frame + event.fade
        elif isinstance(event, Level):
            assert event.frame < busy_until[event.voice]
            assert 0 <= event.level_q15 <= 32768 and 0 < event.frames <= BEAT_MAX
        elif isinstance(event, Section):
            section_now, entered_at = event.section, event.frame


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    scores(),
    st.lists(LENGTHS, min_size=STEMS, max_size=STEMS),
    st.binary(min_size=32, max_size=32),
    INPUTS,
    st.integers(997, 300_000),
    PLANS,
)
def test_any_score_plays_within_its_voices_and_the_same_for_any_step(
    score: Score, lengths: list[int], seed: bytes, inputs: list[tuple[int, int, int]], step: int, drawn: Any
) -> None:
    plan = plan_of(score, drawn)
    lengths = with_pickups(score, lengths)
    events = played(score, lengths, seed, inputs, END, plan)
    assert rows(played(score, lengths, seed, inputs, step, plan)) == rows(events)
    check_voices(score, lengths, events)
    if plan is not None:
        entered = {event.frame: event.section for event in events if isinstance(event, Section)}
        for hit in plan.hits:
            assert entered[hit.frame] == hit.section
        assert all(event.frame < plan.length_frames for event in events)
        over = [0] * score.voices
        for event in events:
            if isinstance(event, Start):
                over[event.voice] = event.frame + event.frames
            elif isinstance(event, Stop):
                over[event.voice] = event.frame + event.fade
        assert max(over) <= plan.length_frames


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    scores(),
    st.lists(LENGTHS, min_size=STEMS, max_size=STEMS),
    INPUTS,
    st.integers(1, 2**STEMS - 1),
    st.integers(0, END - 2 * BEAT),
)
def test_withdrawn_stems_are_silent_a_beat_later_whatever_else_happens(
    score: Score, lengths: list[int], inputs: list[tuple[int, int, int]], mask: int, at: int
) -> None:
    lengths = with_pickups(score, lengths)
    events = played(score, lengths, bytes(32), [*inputs, (INPUT_BLOCK_MANY, mask, at)], END)
    stems, over = [-1] * score.voices, [0] * score.voices
    for event in events:
        if isinstance(event, Start):
            assert event.frame < at or not mask >> event.stem & 1
            stems[event.voice], over[event.voice] = event.stem, event.frame + event.frames
        elif isinstance(event, Stop):
            over[event.voice] = event.frame + event.fade
            own = event.withdrawn and any(kind == INPUT_BLOCK for kind, _value, _frame in inputs)
            assert not event.withdrawn or own or (mask >> stems[event.voice] & 1 and event.frame == at)
    assert all(end <= at + BEAT_MAX for stem, end in zip(stems, over, strict=True) if stem >= 0 and mask >> stem & 1)


@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(0, 255))
def test_a_changed_score_is_refused_by_name_or_plays(seed: int, at: int, value: int) -> None:
    data = bytearray(dumps(score_map()))
    data[at % len(data)] = value
    try:
        score = decode_score(bytes(data))
    except ScoreError:
        return
    Vm(score, [BEAT] * score.stems, [32767] * score.stems, seed.to_bytes(32, "little")).advance(50 * BEAT)


@pytest.mark.parametrize("struck", [False, True])
@pytest.mark.parametrize("beats", [None, [4, 8, 2, 1, 0, 8, 32]])
def test_the_budget_holds_with_no_voice_to_spare(beats: list[int] | None, struck: bool) -> None:
    """The tightest score that is let through, under skips at every moment: a voice is always free."""
    sections = [
        section("a", 1, 2, [layer(1, 0, fade=BEAT, count_min=2, count_max=2)], [follow(0), follow(1)]),
        section("b", 1, 1, [layer(2, 1, count_min=1, count_max=4)], [follow(0), follow(1)]),
    ]
    if struck:
        for number, item in enumerate(sections):
            strokes = {"ticks": 5, "strokes": indexes(0, 1, 3), "grid": 3, "rings": True, "cue": number * 300}
            item[4].append(layer(3, 0, count_min=2, count_max=2, **strokes))
    for at in (0, 1, 2, 3):
        changes: dict[str, Any] = {"sections": sections, "transitions": [{1: 0, 2: 0, 3: 4 * BEAT, 4: 0, 5: at}]}
        changes["reactions"] = [{1: 0, 3: 1}, {1: 1, 3: 2}]
        if beats is not None:
            changes["beats"] = indexes(*beats)
        changes["version"] = 2 if beats or struck else 1
        score = decode_score(dumps(score_map(voices=14 if struck else 8, **changes)))
        for step in (BEAT // 3, BEAT, 4 * BEAT + 1):
            vm = Vm(score, [4 * BEAT, 8 * BEAT, 2 * BEAT, 100, BEAT, 9 * BEAT, 40 * BEAT], [1] * STEMS, bytes(32))
            for until in range(step, 1000 * BEAT, step):
                vm.input((INPUT_SKIP, INPUT_LIKE, INPUT_DISLIKE, INPUT_SHUFFLE)[until // step % 4], 0, until - step)
                vm.advance(until)
