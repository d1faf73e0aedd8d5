"""The order in which tests run."""

import pytest
from dealing import dealt

LONG = ["a1", "a2", "b1", "c1", "d1", "d2", "d3", "e1"]
SHORT = [f"s{number}" for number in range(25)]
TESTS = sorted(LONG + SHORT)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_each_worker_begins_with_a_share_of_the_long_ones(workers: int) -> None:
    order = dealt(TESTS, workers, LONG.__contains__, lambda test: test[0])
    assert sorted(order) == TESTS and [test for test in order if test in SHORT] == sorted(SHORT)
    left, seen = list(order), set[str]()
    for at in range(workers):
        size = len(left) // (workers - at)  # as xdist divides it
        piece, left = left[:size], left[size:]
        long = [test for test in piece if test in LONG]
        assert long and piece[: len(long)] == long
        files = {test[0] for test in long}
        assert not files & seen
        seen |= files


def test_more_long_ones_than_a_piece_holds_are_all_there() -> None:
    order = dealt(["a1", "a2", "a3", "a4", "s1"], 4, lambda test: test[0] == "a", lambda test: test[0])
    assert sorted(order) == ["a1", "a2", "a3", "a4", "s1"]
