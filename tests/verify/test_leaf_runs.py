"""Runs of leaf indexes are the set that they stand for."""

from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.closing import runs
from amos_tools.verify.leaf_runs import LeafRuns


@given(st.sets(st.integers(0, 120)), st.lists(st.integers(0, 120), max_size=20))
def test_they_are_the_set(leaves: set[int], removed: list[int]) -> None:
    found = LeafRuns()
    for leaf in sorted(leaves):
        found.add(leaf)
    assert found.pairs() == LeafRuns(runs(sorted(leaves))).pairs() == [list(run) for run in runs(sorted(leaves))]
    for leaf in removed:
        if leaf in found:
            end = min(found.end_of_run(leaf), leaf + 3)
            found.remove(leaf, end)
            leaves -= set(range(leaf, end))
        assert {leaf for leaf in range(122) if leaf in found} == leaves
        assert bool(found) == bool(leaves) and (not leaves or found.first == min(leaves))
