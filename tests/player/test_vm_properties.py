"""The VM over scores, packs, inputs and steps of any kind that `decode_score` lets through."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amos.player.events import Section, Start, Stop
from amos.player.inputs import INPUT_SKIP, INPUT_SLIDER
from amos.player.score import Score, ScoreError, decode_score
from amos.player.vm import Vm
from amos.protocol.cbor import dumps
from test_score import follow, indexes, layer, score_map, section, words
from test_vm import rows

BEAT = 24000
STEMS = 7
LENGTHS = st.one_of(
    st.integers(1, 200),
    st.integers(1, 70).flatmap(lambda beats: st.integers(-300, 300).map(lambda off: max(1, beats * BEAT + off))),
    st.integers(1, 2_000_000),
)
FADES = st.sampled_from([0, 0, 1, 100, BEAT // 2, BEAT, 4 * BEAT, 20 * BEAT])


@st.composite
def layers(draw: Any, lane: int) -> dict[int, Any]:
    low = draw(st.integers(0, 2))
    changes = {
        "count_min": low,
        "count_max": draw(st.integers(max(1, low), 3)),
        "grid": draw(st.sampled_from([1, 3, 4, 8, 16])),
        "enter": draw(st.sampled_from([0, 0, 1, 4, 40])),
        "gain": draw(st.integers(0, 32768)),
        "fade": draw(FADES),
    }
    if draw(st.booleans()):
        changes["chance"] = draw(st.sampled_from([words(0, 16384), words(1, 0), words(0, 0)]))
    return layer(lane, draw(st.integers(0, 1)), **changes)


@st.composite
def scores(draw: Any) -> Score:
    """Up to four sections over two pools; 32 voices, so that few are refused for their budget."""
    count = draw(st.integers(1, 4))
    sections = []
    for number in range(count):
        lanes = draw(st.lists(st.integers(1, 4), max_size=3, unique=True))
        bars = draw(st.integers(1, 6))
        nexts = draw(st.lists(st.integers(0, count - 1), max_size=count, unique=True))
        when = st.sampled_from([None, words(1, 0, 0, 16384, 6)])
        sections.append(
            section(
                f"s{number}",
                bars,
                bars + draw(st.integers(0, 4)),
                [draw(layers(lane)) for lane in lanes],
                [follow(after, draw(st.integers(0, 3)), draw(when)) for after in nexts],
            )
        )
    shortest = min(item[2] for item in sections) * 4 * BEAT
    fade = min(draw(FADES), shortest)
    transitions = [{1: 0, 2: 0, 3: fade, 4: draw(FADES)}]
    pools = [{1: indexes(*range(draw(st.integers(1, 4))))}, {1: indexes(*range(3, 3 + draw(st.integers(1, 4))))}]
    return decode_score(dumps(score_map(voices=32, sections=sections, transitions=transitions, pools=pools)))


INPUTS = st.lists(
    st.tuples(st.sampled_from([INPUT_SKIP, INPUT_SLIDER]), st.integers(0, 32768), st.integers(0, 200 * BEAT)),
    max_size=12,
)


def played(score: Score, lengths: list[int], seed: bytes, inputs: list[tuple[int, int, int]], step: int) -> list[Any]:
    vm = Vm(score, lengths, [32767] * STEMS, seed)
    for kind, value, frame in inputs:
        vm.input(kind, value, frame)
    events: list[Any] = []
    end = 240 * BEAT
    for until in range(step, end + step, step):
        events.extend(vm.advance(min(until, end)))
    return events


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    scores(),
    st.lists(LENGTHS, min_size=STEMS, max_size=STEMS),
    st.binary(min_size=32, max_size=32),
    INPUTS,
    st.integers(997, 300_000),
)
def test_any_score_plays_within_its_voices_and_the_same_for_any_step(
    score: Score, lengths: list[int], seed: bytes, inputs: list[tuple[int, int, int]], step: int
) -> None:
    events = played(score, lengths, seed, inputs, 240 * BEAT)
    assert rows(played(score, lengths, seed, inputs, step)) == rows(events)
    busy_until = [0] * score.voices
    previous = (0, 0)
    section_now = -1
    for event in events:
        order = (event.frame, 0 if isinstance(event, Stop) else 1 if isinstance(event, Section) else 2)
        assert order >= previous or (isinstance(event, Section) and event.frame == 0)
        previous = order
        if isinstance(event, Start):
            assert busy_until[event.voice] <= event.frame
            assert 0 < event.frames <= lengths[event.stem]
            assert event.fade_in >= 0 and event.fade_out >= 0 and event.fade_in + event.fade_out <= event.frames
            pools = {item.pool for item in score.sections[section_now].layers}
            assert any(event.stem in score.pools[pool].stems for pool in pools)
            busy_until[event.voice] = event.frame + event.frames
        elif isinstance(event, Stop):
            assert 0 < event.fade <= busy_until[event.voice] - event.frame
            busy_until[event.voice] = event.frame + event.fade
        else:
            section_now = event.section
        sounding = sum(end > event.frame for end in busy_until)
        assert sounding <= score.voices


@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(0, 255))
def test_a_changed_score_is_refused_by_name_or_plays(seed: int, at: int, value: int) -> None:
    data = bytearray(dumps(score_map()))
    data[at % len(data)] = value
    try:
        score = decode_score(bytes(data))
    except ScoreError:
        return
    Vm(score, [BEAT] * score.stems, [32767] * score.stems, seed.to_bytes(32, "little")).advance(50 * BEAT)


def test_the_budget_holds_with_no_voice_to_spare() -> None:
    """The tightest score that is let through, under skips at every moment: a voice is always free."""
    sections = [
        section("a", 1, 2, [layer(1, 0, fade=BEAT, count_min=2, count_max=2)], [follow(0), follow(1)]),
        section("b", 1, 1, [layer(2, 1, count_min=1, count_max=4)], [follow(0), follow(1)]),
    ]
    changes: dict[str, Any] = {"sections": sections, "transitions": [{1: 0, 2: 0, 3: 4 * BEAT, 4: 0}]}
    score = decode_score(dumps(score_map(voices=8, **changes)))
    for step in (BEAT // 3, BEAT, 4 * BEAT + 1):
        vm = Vm(score, [4 * BEAT, 8 * BEAT, 2 * BEAT, 100, BEAT, 9 * BEAT, 40 * BEAT], [1] * STEMS, bytes(32))
        for until in range(step, 2000 * BEAT, step):
            vm.input(INPUT_SKIP, 0, until - step)
            vm.advance(until)
