"""Local time of moments that the system's own calendar may not reach."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.edges import clock
from amos.edges.clock import SystemClock
from amos.protocol.record import UNIX_S_MAX


@given(st.integers(0, UNIX_S_MAX))
def test_the_calendar_of_our_own_is_the_gregorian_one(unix_s: int) -> None:
    moment = datetime.fromtimestamp(unix_s, UTC)
    second = moment.hour * 3600 + moment.minute * 60 + moment.second
    assert clock._utc(unix_s) == (f"{moment:%Y-%m-%d}".zfill(10), moment.weekday(), second)


@pytest.mark.parametrize("error", [OverflowError, OSError, ValueError])
def test_it_is_used_where_the_system_s_ends(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def ended(_unix_s: int) -> time.struct_time:
        raise error

    monkeypatch.setattr(time, "localtime", ended)
    assert SystemClock().local(UNIX_S_MAX) == ("9999-12-31", 4, 86399)
