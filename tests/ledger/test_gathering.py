"""When a quiet ledger decides about what has come."""

from hypothesis import given
from hypothesis import strategies as st

from amos_ledger.gathering import BURST, ENOUGH, GATHER_S, Gathering

POLL_S = 0.25


def _commits(arrivals: list[int]) -> tuple[list[tuple[float, list[float]]], int]:
    """(when, arrival times of what is decided about then) for so many messages at each poll; how many still wait."""
    gathering: Gathering[float] = Gathering()
    found = []
    for turn, count in enumerate(arrivals):
        now_s = turn * POLL_S
        gathering.add([now_s] * count)
        if due := gathering.due(now_s):
            found.append((now_s, due))
    return found, len(gathering)


def test_a_few_in_turn_wait_for_nothing() -> None:
    commits, waiting = _commits([1] * BURST)
    assert [when for when, _due in commits] == [turn * POLL_S for turn in range(BURST)] and not waiting


def test_a_steady_trickle_shares_its_commits() -> None:
    arrivals = [1, 0, 0, 0] * 600  # one a second, ten minutes
    commits, _waiting = _commits(arrivals)
    assert len(commits) <= 600 / GATHER_S + 2 * BURST
    assert len(commits[-1][1]) == GATHER_S


def test_a_backlog_is_worth_its_commits() -> None:
    commits, waiting = _commits([ENOUGH] * 100)
    assert len(commits) == 100 and not waiting
    after, _waiting = _commits([ENOUGH] * 100 + [1] * BURST)
    assert len(after) == 100 + BURST  # the backlog took no token from whoever comes after it


@given(st.lists(st.integers(0, ENOUGH + 4), max_size=200))
def test_nothing_is_lost_turned_round_or_waits_longer_than_is_promised(arrivals: list[int]) -> None:
    commits, waiting = _commits([*arrivals, *[0] * round(GATHER_S / POLL_S + 1)])
    decided = [came_s for _when, due in commits for came_s in due]
    assert decided == sorted(decided) and len(decided) == sum(arrivals) and waiting == 0
    assert all(when - came_s <= GATHER_S for when, due in commits for came_s in due)
    small = [when for when, due in commits if len(due) < ENOUGH]
    for first, when in enumerate(small):
        within = [later for later in small[first:] if later - when < 10 * GATHER_S]
        assert len(within) <= BURST + 10
