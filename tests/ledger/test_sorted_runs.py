"""Amounts added up by keys are those of a dictionary, however many runs they are in."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos_ledger import sorted_runs
from amos_ledger.sorted_runs import SortedRuns

WAYS = (np.add, np.minimum, np.maximum)
keys = st.one_of(st.integers(0, 12), st.integers(0, 2**62))
amounts = st.integers(-(2**40), 2**40)
batches = st.lists(st.lists(st.tuples(keys, amounts), max_size=9), max_size=60)


@pytest.fixture(autouse=True, scope="module")
def few_rows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sorted_runs, "ROWS_IN_MEMORY", 8)
        patched.setattr(sorted_runs, "ROWS_AT_A_TIME", 3)
        patched.setattr(sorted_runs, "RUNS_MAX", 2)
        yield


def added(runs: SortedRuns, batch: list[tuple[int, int]]) -> None:
    one, other = (np.array([row[at] for row in batch], np.int64) for at in (0, 1))
    runs.add(one, other, other, other)


def told(runs: SortedRuns) -> list[tuple[int, ...]]:
    return [tuple(row) for block in runs.blocks() for row in block.T.tolist()]


def expected(given_: list[list[tuple[int, int]]]) -> list[tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for batch in given_:
        for key, amount in batch:
            found.setdefault(key, []).append(amount)
    return [(key, sum(found[key]), min(found[key]), max(found[key])) for key in sorted(found)]


@settings(max_examples=60)
@given(batches, batches)
def test_each_key_comes_once_in_order_with_all_of_its_amounts(first: Any, more: Any) -> None:
    runs = SortedRuns(WAYS)
    for batch in first:
        added(runs, batch)
    assert told(runs) == expected(first)
    for batch in more:
        added(runs, batch)
    assert told(runs) == told(runs) == expected(first + more)
    runs.clear()
    assert told(runs) == []


def test_runs_stay_few() -> None:
    runs = SortedRuns(WAYS)
    for number in range(400):
        added(runs, [(number * 10 + at, 1) for at in range(10)])
    assert sum(len(level) for level in runs._runs) < 2 * 12
    assert len(told(runs)) == 4000
