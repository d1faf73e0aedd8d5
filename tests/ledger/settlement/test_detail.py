"""Days and venues of a statement: they add up, they fit, and pseudonyms tell a payee nothing of another's."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos_ledger.settlement.detail import (
    FILE_BYTES_MAX,
    UNDATED,
    VENUES_OF_LINE_MAX,
    Play,
    detail,
    told,
    whole_ms,
)
from amos_ledger.settlement.statement import compact_bytes
from amos_ledger.settlement.venues import Venue, Venues

HZ = 44_100
DAY = 20_762  # 2026-11-05
KEY = b"k" * 32


def core_of(count: int) -> dict[str, Any]:
    return {"payee": "ann", "pool": {"ticks_hz": HZ}, "lines": [{}] * count, "unpaid": []}


def made(count: int, base_bytes: int, play: Play, payee: str = "ann", venues: Venues | None = None) -> Any:
    lines = {"lines": [(bytes([at]) * 16, 1, 0) for at in range(count)], "unpaid": []}
    shown = venues or Venues("pseudonym", KEY)
    return detail(core_of(count) | {"payee": payee}, base_bytes, lines, lambda _of: play, shown, lambda _: bytes(64))


@given(st.lists(st.integers(0, 2**70), max_size=40), st.sampled_from([1, HZ, 48_000, 7_056_000]))
def test_whole_milliseconds_add_up_and_none_is_off_by_one_or_more(ticks: list[int], hz: int) -> None:
    parts = whole_ms(ticks, hz)
    assert sum(parts) == sum(ticks) * 1000 // hz
    assert all(abs(part - Fraction(1000 * exact, hz)) < 1 for part, exact in zip(parts, ticks, strict=True))


@given(st.dictionaries(st.integers(0, 400), st.integers(1, 2**40), max_size=30), st.integers(0, 2**40))
def test_runs_of_days_hold_each_day_once(days: dict[int, int], undated: int) -> None:
    play = Play({DAY + day: ticks for day, ticks in days.items()} | {UNDATED: undated}, {"cafe": 1})
    found: Any = told(play, HZ, Venues("name"), 3)
    listed = [ms for run in found["days"] for ms in run[1:]]
    assert sum(listed) + found["undated_ms"] == (sum(days.values()) + undated) * 1000 // HZ
    assert len([ms for ms in listed if ms]) <= len(days)
    assert [run[0] for run in found["days"]] == sorted(run[0] for run in found["days"])


def test_a_run_goes_over_some_silent_days_and_begins_anew_after_more() -> None:
    play = Play({DAY: HZ, DAY + 2: HZ, DAY + 30: 2 * HZ, UNDATED: HZ}, {"cafe": 5 * HZ})
    found = told(play, HZ, Venues("name"), 3)
    assert found["days"] == [["2026-11-05", 1000, 0, 1000], ["2026-12-05", 2000]]
    assert found["undated_ms"] == 1000


def test_venues_by_policy() -> None:
    stated = {"a": Venue("Blau", "DE-BE"), "b": Venue("Blau", "DE-BE"), "c": Venue("", "SE-AB")}
    play = Play({DAY: 6 * HZ}, {"a": HZ, "b": HZ, "c": 3 * HZ, "d": HZ})
    by_name: Any = told(play, HZ, Venues("name", stated=stated), VENUES_OF_LINE_MAX)
    assert by_name["venues"] == [["c", 3000], ["Blau", 1000], ["Blau", 1000]], "two venues of one name are two"
    assert by_name["more_venues"] == [1, 1000] and by_name["sites"] == 4
    by_region: Any = told(play, HZ, Venues("region", stated=stated), VENUES_OF_LINE_MAX)
    assert by_region["venues"] == [["SE-AB", 3000], ["DE-BE", 2000], ["", 1000]]


def test_pseudonyms_are_a_payees_own_and_stay() -> None:
    play = Play({DAY: HZ}, {f"site-{number}": HZ for number in range(9)})
    of_ann, again, of_bob = (
        {name for name, _ms in made(1, 0, play, payee)["whole"]["venues"]} for payee in ("ann", "ann", "bob")
    )
    assert len(of_ann) == 9 and of_ann == again and not of_ann & of_bob
    society = Venues("pseudonym", KEY)
    assert not of_ann & {society.venue(f"site-{number}") for number in range(9)}
    assert of_ann == {society.of_payee("ann").venue(f"site-{number}") for number in range(9)}


@pytest.mark.parametrize("base_bytes", [30_000, 61_100, 63_900, FILE_BYTES_MAX + 1])
def test_lines_whose_days_do_not_fit_are_left_out_and_counted(base_bytes: int) -> None:
    play = Play({DAY + day: HZ * 86_399 for day in range(31)}, {f"site-{number}": HZ * 86_399 for number in range(31)})
    found = made(100, base_bytes, play)
    size = len(compact_bytes({"core": "", "detail": found})) - len(compact_bytes({"core": ""}))
    assert found["left_out"] == 100 - len(found["lines"])
    assert len(found["lines"]) < 100 and sum(found["whole"]["days"][0][1:]) == 100 * 31 * 86_399_000
    if base_bytes < 62_000:
        assert base_bytes + size <= FILE_BYTES_MAX and found["lines"]
    else:
        assert not found["lines"] and size < 2000
