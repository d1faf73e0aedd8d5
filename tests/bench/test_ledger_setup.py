"""The set-up table against examples worked out by hand, and that more players never need less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos_tools.bench.ledger_setup import MACHINES, Assumed, figures, setup, workers_on

ASSUMED = Assumed()


def test_ten_thousand_players_by_hand() -> None:
    """72 segments a day each: 720,000 in 14,400 s are 50 a second, and 10,000 / 600 = 16.67 beside them. At 10
    verifications of 50 us each that is 0.0333 of a core's second, of which 0.7 may be used."""
    needs = setup(10_000, 50, 10, 5000, ASSUMED)
    assert needs.segments_s == pytest.approx(66.667, abs=0.001)
    assert needs.cores == pytest.approx(66.667 * 500e-6 / 0.7, rel=1e-4)
    assert needs.slowest_us == pytest.approx(1050, rel=1e-4)
    assert (needs.workers, needs.database, needs.machine) == (1, "SQLite", MACHINES[0])
    assert needs.disk_bytes_year == pytest.approx(720_000 * 365 * 5000)
    assert needs.network_bit_s == pytest.approx(66.667 * 2800 * 8, rel=1e-4)


def test_a_million_players_by_hand() -> None:
    """6,667 segments a second at 2.5 verifications of 60 us are one second of a core, so 1.43 cores: two workers of 0.8
    are enough. A Pi 5's 150 us make it 3.57 cores, which would be five workers on four cores."""
    needs = setup(1_000_000, 60, 2.5, 5000, ASSUMED)
    assert needs.cores == pytest.approx(1.4286, rel=1e-3)
    assert (needs.workers, needs.database) == (2, "PostgreSQL")
    assert needs.machine is not None and needs.machine.name == "PC of 8 cores"


def test_no_machine_is_enough_for_what_is_too_much() -> None:
    needs = setup(1_000_000_000, 60, 20, 5000, ASSUMED)
    assert needs.machine is None and needs.workers > 128


def test_workers_make_up_for_their_share() -> None:
    assert [workers_on(cores, ASSUMED) for cores in (0.01, 1, 1.01, 1.6, 1.61, 8)] == [1, 1, 2, 2, 3, 10]


@given(
    st.integers(1, 10**8), st.integers(1, 10**8), st.floats(1, 1000), st.floats(1, 100), st.floats(1, 1e5),
    st.floats(1, 1.5),
)  # fmt: skip
def test_more_never_needs_less(few: int, more: int, us: float, intake: float, size: float, worse: float) -> None:
    few, more = sorted((few, more))
    base = setup(few, us, intake, size, ASSUMED)
    for other in (setup(more, us, intake, size, ASSUMED), setup(few, us, intake * worse, size, ASSUMED)):
        assert other.cores >= base.cores and other.slowest_us <= base.slowest_us
        assert other.disk_bytes_year >= base.disk_bytes_year and other.network_bit_s >= base.network_bit_s
        places = [MACHINES.index(found.machine) if found.machine else len(MACHINES) for found in (base, other)]
        assert places == sorted(places)
        if places[0] == places[1]:
            assert other.workers >= base.workers


def test_machines_ascend() -> None:
    speeds = [machine.cores / machine.verification_us for machine in MACHINES]
    assert speeds == sorted(speeds)


def test_each_fleet_has_a_line() -> None:
    found = figures(45, 14, 5000)
    assert [figure.unit for figure in found] == ["us", "cores", "cores", "cores"]
    assert all("TB a year" in figure.note for figure in found[1:])
