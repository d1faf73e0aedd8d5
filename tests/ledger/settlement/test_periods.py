"""Which month a segment accrues to."""

from array import array
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.segment import (
    CLOCK_INFORMATIVE,
    CLOCK_RELATIVE,
    CLOCK_SYNCHRONISED,
    CLOCK_UNKNOWN,
    Usage,
)
from amos_ledger.settlement.periods import (
    PLAY_AGE_S_MAX,
    PLAY_AHEAD_S_MAX,
    PeriodError,
    assign_period,
    next_period,
    parse_period,
    period_at,
    period_of,
)


def unix_s(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())


def usage(clock: int, played_unix_s: int | None, start_ms: int = 5_000_000) -> Usage:
    """A segment that starts at `start_ms` of the player's monotonic clock, anchored two minutes after its boot."""
    anchor_ms = 120_000
    anchored = played_unix_s is not None
    return Usage(
        **{name: bytes(32) for name in ("previous", "start_state", "pack", "score", "pcm_sha256")},
        **{name: 0 for name in ("boot", "session", "first_frame", "end_frame", "tier", "underruns")},
        **{name: array("I") for name in ("starts", "frames", "input_starts")},
        **{name: array("B") for name in ("flags", "input_kinds")},
        version=1,
        device_id=bytes(16),
        sequence=1,
        rate_hz=44_100,
        start_ms=start_ms,
        end_ms=start_ms + 600_000,
        clock=clock,
        anchor_unix_ms=played_unix_s * 1000 - start_ms + anchor_ms if anchored else None,
        anchor_ms=anchor_ms if anchored else None,
        stems=array("H"),
        input_values=array("i"),
        delivered_frames=0,
        silent_frames=0,
        reason=1,
    )


RECEIVED = unix_s(2026, 12, 3, 12)


@pytest.mark.parametrize("clock", [CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED])
@pytest.mark.parametrize(
    ("played", "period"),
    [
        (unix_s(2026, 11, 30, 23, 59, 59), "2026-11"),
        (unix_s(2026, 12, 1), "2026-12"),
        (unix_s(2025, 12, 1), "2025-12"),
        (RECEIVED + PLAY_AHEAD_S_MAX, "2026-12"),
        (RECEIVED + PLAY_AHEAD_S_MAX + 1, "2026-12"),
        (unix_s(2027, 1, 15), "2026-12"),
        (RECEIVED - PLAY_AGE_S_MAX, "2025-10"),
        (RECEIVED - PLAY_AGE_S_MAX - 1, "2026-12"),
        (unix_s(1970, 1, 2), "2026-12"),
    ],
)
def test_an_anchored_clock_decides_when_plausible(clock: int, played: int, period: str) -> None:
    assert period_of(usage(clock, played), RECEIVED) == period


def test_a_day_ahead_is_still_the_players_month() -> None:
    received = unix_s(2026, 11, 30, 12)
    assert period_of(usage(CLOCK_SYNCHRONISED, unix_s(2026, 12, 1, 11)), received) == "2026-12"
    assert period_of(usage(CLOCK_SYNCHRONISED, unix_s(2026, 12, 1, 13)), received) == "2026-11"


@pytest.mark.parametrize("clock", [CLOCK_UNKNOWN, CLOCK_RELATIVE])
def test_without_an_anchored_clock_reception_decides(clock: int) -> None:
    assert period_of(usage(clock, unix_s(2026, 11, 5)), RECEIVED) == "2026-12"
    assert period_of(usage(clock, None), RECEIVED) == "2026-12"


def test_play_before_the_anchor_counts_backwards() -> None:
    assert period_of(usage(CLOCK_SYNCHRONISED, unix_s(2026, 11, 30, 23, 59), start_ms=0), RECEIVED) == "2026-11"


def test_late_usage_goes_to_the_next_open_period() -> None:
    closed = {"2026-10", "2026-11", "2026-12", "2027-02"}
    assert assign_period("2026-09", closed) == ("2026-09", False)
    assert assign_period("2026-11", closed) == ("2027-01", True)
    assert assign_period("2027-02", closed) == ("2027-03", True)


@given(st.integers(unix_s(2000, 1, 1), unix_s(9998, 12, 31)))
def test_periods_are_calendar_months(instant: int) -> None:
    period = period_at(instant)
    year, month = parse_period(period)
    assert (year, month) == (datetime.fromtimestamp(instant, UTC).year, datetime.fromtimestamp(instant, UTC).month)
    after = parse_period(next_period(period)) if period != "9998-12" else (9999, 1)
    assert after[0] * 12 + after[1] == year * 12 + month + 1


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-11", "2026-1", "2026-11-01", "1999-12", "٢٠٢٦-11"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(PeriodError, match="expected"):
        parse_period(text)


@pytest.mark.parametrize("instant", [-1, unix_s(1999, 12, 31), 10**12, 10**30])
def test_other_instants_are_refused(instant: int) -> None:
    with pytest.raises(PeriodError, match="expected"):
        period_at(instant)
