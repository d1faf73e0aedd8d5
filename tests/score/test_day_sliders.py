"""Curves of sliders over any day: between their points, at them, and beside what is set by hand."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from amos.protocol.cbor import dumps
from amos.score.day_clock import clock_value
from amos.score.inputs import INPUT_CLOCK, INPUT_SLIDER
from amos.score.score import decode_score
from amos.score.vm import Vm
from test_score import indexes, layer, score_map, section

SECOND = 48_000
MINUTE = 60 * SECOND
DAY = 1440
START, HOLIDAY = 16384, 7
POSITIONS = st.sampled_from([0, 1, 9999, 32767, 32768]) | st.integers(0, 32768)
CURVES = st.lists(
    st.tuples(st.integers(1, 255), st.dictionaries(st.integers(0, DAY - 1), POSITIONS, min_size=1, max_size=5)),
    min_size=1,
    max_size=3,
)
Curves = list[tuple[int, dict[int, int]]]


def rows_of(curves: Curves) -> list[int]:
    rows = []
    for days, points in curves:
        around = sorted(points.items())
        around.append((around[0][0] + DAY, around[0][1]))
        for (begin, one), (end, other) in pairwise(around):
            rows += [days, begin, end, 0, one, other]
    return rows


def vm_of(curves: Curves) -> Vm:
    sections = [section("a", 2000, 2000, [layer(1, 0)], [])]
    changes = {"stems": 1, "pools": [{1: indexes(0)}], "sections": sections}
    score = decode_score(dumps(score_map(version=4, day_sliders=indexes(*rows_of(curves)), **changes)))
    return Vm(score, [3600 * SECOND], [32767], bytes(32))


def stretch(curves: Curves, day: int, minute: int) -> tuple[int, int, int, int, int] | None:
    """Of the curve that holds on `day`: its number, and minute and position of the points before and after."""
    for number, (days, points) in enumerate(curves):
        if days >> day & 1:
            before = max((at for at in points if at <= minute), default=max(points) - DAY)
            after = min((at for at in points if at > minute), default=min(points) + DAY)
            return number, before, points[before % DAY], after, points[after % DAY]
    return None


@settings(max_examples=50, deadline=None)
@given(
    CURVES,
    st.integers(0, 6),
    st.booleans(),
    st.integers(0, DAY - 1),
    st.dictionaries(st.integers(0, 199), POSITIONS, max_size=3),
    st.sampled_from([MINUTE // 7, 5 * MINUTE + 1, 300 * MINUTE]),
)
def test_a_slider_is_between_its_points_or_where_a_hand_has_set_it_since(
    curves: Curves, weekday: int, holiday: bool, minute: int, hands: dict[int, int], step: int
) -> None:
    """For 200 minutes from half past `minute` on, asked a second before the next."""
    vm, stepped = vm_of(curves), vm_of(curves)
    told: list[tuple[int, int, int]] = [(INPUT_CLOCK, clock_value(weekday, holiday, minute * 60 + 30), 0)]
    told += [(INPUT_SLIDER, position, at * MINUTE + 7) for at, position in hands.items()]
    for one in (vm, stepped):
        for item in told:
            one.input(*item)
    passed: Any = None
    by_hand: int | None = None
    for number in range(200):
        day = (weekday + (minute + number) // DAY) % HOLIDAY
        now = (minute + number) % DAY
        if holiday and minute + number < DAY:
            day = HOLIDAY
        found = stretch(curves, day, now)
        place = None if found is None else (found[0], found[1] % DAY)
        if place != passed or (found is not None and now == found[1]):
            passed, by_hand = place, None
        expected = START
        if found is not None:
            _curve, before, one_q15, after, other_q15 = found
            expected = one_q15 + (other_q15 - one_q15) * (now - before) // (after - before)
            assert min(one_q15, other_q15) <= expected <= max(one_q15, other_q15)
            assert now != before or expected == one_q15
        # It is half past the minute here, and what is set by hand comes before the next one begins.
        by_hand = hands.get(number, by_hand)
        vm.advance(number * MINUTE + 29 * SECOND)
        while stepped.frame < vm.frame:
            stepped.advance(min(vm.frame, stepped.frame + step))
        assert vm.slider_values() == stepped.slider_values() == [expected if by_hand is None else by_hand]
