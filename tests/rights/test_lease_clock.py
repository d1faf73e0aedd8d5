"""The lease clock under any sequence of play, restarts, power cuts and wall clocks."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from amos.edges.two_slot_memory import TwoSlotMemory
from amos.rights.lease_clock import LeaseClock

AWAY_MS_MAX = 86_400_000
SAVE_EVERY_MS = 600_000

START_MS = 1_800_000_000_000
WALLS = st.none() | st.integers(0, 1 << 42) | st.integers(START_MS - 10**8, START_MS + 10**8)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("play"), st.integers(0, 2 * SAVE_EVERY_MS), WALLS),
        st.tuples(st.just("cut"), st.just(0), WALLS),
        st.tuples(st.just("stop"), st.just(0), WALLS),
        st.tuples(st.just("signed"), st.integers(START_MS - 10**9, START_MS), WALLS),
    ),
    max_size=30,
)


def played(acts: list[tuple[str, int, Any]]) -> tuple[int, int, int]:
    """(the clock at the end, time played, boots); asserts that it never goes back."""
    store = TwoSlotMemory()
    clock = LeaseClock(store, 0, None)
    clock.set(START_MS)
    clock.save()
    now_ms = total_ms = boots = 0
    for act, value, wall_ms in acts:
        before_ms = clock.unix_ms or 0
        if act == "play":
            step_ms = SAVE_EVERY_MS // 3
            for passed_ms in [step_ms] * (value // step_ms) + [value % step_ms]:
                now_ms += passed_ms
                clock.tick(now_ms, wall_ms)
                if clock.due:
                    clock.save()
            total_ms += value
        elif act == "signed":
            clock.at_least(value)
        else:
            if act == "stop":
                clock.save()
            now_ms = 0
            clock = LeaseClock(store, now_ms, wall_ms)
            boots += 1
        # What a cut took back, the boot has put back on top.
        assert (clock.unix_ms or 0) >= before_ms - (SAVE_EVERY_MS // 3 if act == "cut" else 0)
    return clock.unix_ms or 0, total_ms, boots


@given(ACTS)
def test_it_never_falls_behind_play_and_no_wall_clock_drives_it_far_ahead(acts: list[tuple[str, int, Any]]) -> None:
    unix_ms, total_ms, boots = played(acts)
    slack_ms = SAVE_EVERY_MS // 3 * boots  # it is saved when a block finds that it is due
    assert START_MS + total_ms - slack_ms <= unix_ms <= START_MS + total_ms + boots * AWAY_MS_MAX


@given(ACTS)
def test_without_restarts_it_is_the_time_played(acts: list[tuple[str, int, Any]]) -> None:
    unix_ms, total_ms, boots = played([act for act in acts if act[0] in ("play", "signed")])
    assert (unix_ms, boots) == (START_MS + total_ms, 0)
