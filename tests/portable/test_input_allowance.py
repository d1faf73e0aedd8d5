"""How many inputs others may give, on every runtime: the bounds of protocol/SPEC.md section 7."""

from amos.protocol.limits import SEGMENT_INPUTS_MAX, SEGMENT_INPUTS_OWN_MAX
from amos.session.input_allowance import InputAllowance, WaitingPositions

INPUT_EVERY_MS = 5000
INPUTS_AT_ONCE = 40

SEGMENT_MS = 600_000


def flood(allowance, from_ms: int, until_ms: int, every_ms: int) -> int:
    """How many inputs are taken of one each `every_ms`."""
    taken, now_ms = 0, from_ms
    while now_ms < until_ms:  # a range of a 32-bit board holds no such numbers
        if not allowance.wait_ms(now_ms):
            allowance.take(now_ms)
            taken += 1
        now_ms += every_ms
    return taken


def test_a_burst_fills_no_segment_and_a_flood_seals_two_more_in_ten_minutes():
    assert INPUTS_AT_ONCE < SEGMENT_INPUTS_MAX - SEGMENT_INPUTS_OWN_MAX
    for start_ms in (0, 1, 7_777, 1 << 40):
        allowance = InputAllowance()
        assert flood(allowance, start_ms, start_ms + 40, 1) == INPUTS_AT_ONCE
        taken = INPUTS_AT_ONCE + flood(allowance, start_ms + 40, start_ms + SEGMENT_MS, 11)
        assert taken <= INPUTS_AT_ONCE + SEGMENT_MS // INPUT_EVERY_MS
        assert taken < 3 * (SEGMENT_INPUTS_MAX - SEGMENT_INPUTS_OWN_MAX)


def test_one_that_is_refused_is_told_how_long_to_wait_and_is_taken_then():
    allowance = InputAllowance()
    for now_ms in range(INPUTS_AT_ONCE):
        assert allowance.wait_ms(now_ms) == 0
        allowance.take(now_ms)
    wait_ms = allowance.wait_ms(INPUTS_AT_ONCE)
    assert 0 < wait_ms <= INPUT_EVERY_MS
    assert allowance.wait_ms(INPUTS_AT_ONCE + wait_ms - 1) == 1
    assert allowance.wait_ms(INPUTS_AT_ONCE + wait_ms) == 0


def test_after_a_rest_there_is_a_whole_burst_and_no_more():
    allowance = InputAllowance()
    flood(allowance, 0, 1000, 1)
    rested_ms = 1000 + INPUTS_AT_ONCE * INPUT_EVERY_MS
    assert flood(allowance, rested_ms, rested_ms + 100, 1) == INPUTS_AT_ONCE
    assert flood(allowance, 100 * rested_ms, 100 * rested_ms + 100, 1) == INPUTS_AT_ONCE


def test_of_each_slider_the_last_position_waits_and_none_overtakes_another():
    waiting = WaitingPositions()
    for value in range(1000):
        waiting.put(16, value)
        waiting.put(17, value + 1)
    assert waiting.rows == [(16, 999), (17, 1000)] and waiting.has(17) and not waiting.has(8)
    assert waiting.rows.pop(0) == (16, 999)
    waiting.put(16, 5)  # of a hand that never rests
    assert waiting.rows == [(17, 1000), (16, 5)]
