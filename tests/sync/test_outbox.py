"""The outbox: its table, its waits, and what no order of events can do to a segment."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.protocol import answer as answers
from amos_mqtt.back_off import back_off_ms
from amos_sync.limits import UNANSWERED_MAX
from amos_sync.outbox import (
    EVENT_OF_VERDICT,
    FINAL_WAIT_MS,
    NEXT,
    UNANSWERED_WAIT_MS,
    WAIT_MS,
    Event,
    Outbox,
    Slot,
    State,
    final_refusals,
)

A, B = b"a" * 16, b"b" * 16


def a_slot(number: int, device: bytes = A, state: State = State.PULLED) -> Slot:
    return Slot(number, device, number, number.to_bytes(32, "big"), state)


def outbox_of(*slots: Slot) -> Outbox:
    outbox = Outbox(UNANSWERED_MAX)
    for slot in slots:
        outbox.add(slot)
    return outbox


def send_all(outbox: Outbox, now_ms: int = 0) -> list[int]:
    return [slot.sequence for slot in outbox.send(now_ms, 1000, 0)]


def answered(outbox: Outbox, number: int, verdict: int, now_ms: int, jitter_permille: int) -> Slot | None:
    slot = outbox.find(number.to_bytes(32, "big"))
    return None if slot is None else outbox.answered(slot, verdict, now_ms, jitter_permille)


def test_the_same_bytes_of_two_players_are_two_slots() -> None:
    own, others = a_slot(1), a_slot(1, B)
    others.message_sha256 = own.message_sha256
    outbox = outbox_of(own, others)
    assert outbox.find(own.message_sha256, A, 1) is own and outbox.find(own.message_sha256, B) is others
    send_all(outbox)
    for slot in (others, own):
        assert outbox.answered(slot, answers.ACCEPTED, 0, 0) is slot
        assert outbox.player_at(slot.device_id, 1) == [slot]
    assert len(outbox) == 0 and outbox.find(own.message_sha256) is None


def test_what_has_its_receipt_keeps_the_loop_awake_no_longer() -> None:
    """Also while nothing else of that device is to be sent, when its time to ask again is past."""
    outbox = outbox_of(a_slot(1), a_slot(2, B))
    send_all(outbox)
    assert outbox.next_due_ms() is not None
    for slot in outbox.asked():
        outbox.answered(slot, answers.ACCEPTED, 0, 0)
    assert outbox.next_due_ms() is None


@pytest.mark.parametrize("verdict", sorted(set(range(len(answers.VERDICTS))) - set(answers.RECEIPTED)))
def test_what_was_refused_before_a_restart_is_sent_again_at_once(verdict: int) -> None:
    """The broker keeps answers for a courier that is away: they are to what its life before has sent."""
    outbox = outbox_of(a_slot(1))
    assert answered(outbox, 1, verdict, 0, 0) is None
    assert send_all(outbox) == [1] and answered(outbox, 1, verdict, 0, 0) is not None


def test_every_verdict_has_an_event() -> None:
    assert set(EVENT_OF_VERDICT) == set(range(len(answers.VERDICTS)))
    assert {v for v, event in EVENT_OF_VERDICT.items() if event is Event.RECEIPT} == set(answers.RECEIPTED)


def test_only_the_player_ends_a_segments_way_and_only_after_a_receipt() -> None:
    assert [pair for pair, state in NEXT.items() if state is State.RETURNED] == [(State.RECEIPTED, Event.PLAYER_TOOK)]
    into_receipted = {event for (_state, event), state in NEXT.items() if state is State.RECEIPTED}
    assert into_receipted == {Event.RECEIPT}


def test_every_state_short_of_returned_can_still_be_receipted_or_is() -> None:
    for state in (State.PULLED, State.SENT, State.HELD, State.REFUSED):
        assert NEXT[state, Event.RECEIPT] is State.RECEIPTED
        assert NEXT[state, Event.SEND] is State.SENT


@pytest.mark.parametrize("verdict", range(len(answers.VERDICTS)))
def test_what_each_answer_does(verdict: int) -> None:
    outbox = outbox_of(a_slot(1))
    send_all(outbox)
    slot = answered(outbox, 1, verdict, 0, 1000)
    assert slot is not None
    if verdict in answers.RECEIPTED:
        assert (slot.state, slot.verdict) == (State.RECEIPTED, None)
        assert outbox.send(10**12, 9, 0) == []
        return
    assert slot.verdict == verdict
    first_ms = WAIT_MS.get(verdict, FINAL_WAIT_MS)[0]
    assert outbox.send(first_ms - 1, 9, 0) == []
    assert outbox.send(first_ms, 9, 0) == [slot]


def test_a_forged_refusal_delays_and_a_receipt_still_wins() -> None:
    outbox = outbox_of(a_slot(1))
    send_all(outbox)
    answered(outbox, 1, answers.FORK, 0, 0)
    assert len(final_refusals(outbox.open_slots(A))) == 1
    answered(outbox, 1, answers.ACCEPTED, 0, 0)
    assert answered(outbox, 1, answers.FORK, 0, 0) is None
    assert [slot.sequence for slot in outbox.player_at(A, 1)] == [1]
    assert len(outbox) == 0


def test_a_receipt_the_player_refuses_has_the_segment_sent_again() -> None:
    outbox = outbox_of(a_slot(1))
    send_all(outbox)
    answered(outbox, 1, answers.ACCEPTED, 0, 0)
    offer = outbox.next_offer(A, 0)
    assert offer is not None
    outbox.player_refused(offer, 1000, 0)
    assert outbox.next_offer(A, 0) is None
    assert send_all(outbox, 1000) == []
    assert send_all(outbox, 3_600_000) == [1]


def test_the_newest_receipt_is_offered_and_covers_the_earlier_ones() -> None:
    outbox = outbox_of(*[a_slot(n) for n in range(1, 6)])
    send_all(outbox)
    for number in (1, 2, 4):
        answered(outbox, number, answers.ACCEPTED, 0, 0)
    offer = outbox.next_offer(A, 0)
    assert offer is not None and offer.sequence == 4
    assert sorted(slot.sequence for slot in outbox.player_at(A, 4)) == [1, 2, 4]
    # 3 is covered too, says the player; without the ledger's word for it the courier keeps it.
    assert sorted(slot.sequence for slot in outbox.open_slots(A)) == [3, 5]


def test_no_answer_means_again_later_and_later() -> None:
    outbox = outbox_of(a_slot(1))
    now_ms, waits = 0, []
    for _ in range(9):
        assert send_all(outbox, now_ms) == [1]
        due_ms = outbox.next_due_ms()
        assert due_ms is not None
        waits.append(due_ms - now_ms)
        now_ms = due_ms
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (UNANSWERED_WAIT_MS[0] // 2, UNANSWERED_WAIT_MS[1] // 2)


@given(st.integers(1, 100), st.integers(0, 1000))
def test_waits_stay_within_half_and_whole(attempt: int, jitter: int) -> None:
    wait = back_off_ms((100, 5000), attempt, jitter)
    whole = min(100 << min(attempt - 1, 30), 5000)
    assert whole // 2 <= wait <= whole


def test_a_silent_ledger_gets_no_more_than_a_window_of_each_device() -> None:
    outbox = outbox_of(*[a_slot(n) for n in range(1, 200)], *[a_slot(n, B) for n in range(1000, 1003)])
    sent = send_all(outbox)
    assert sorted(sent) == [*range(1, UNANSWERED_MAX + 1), 1000, 1001, 1002]
    assert send_all(outbox) == []
    answered(outbox, 1, answers.ACCEPTED, 0, 0)
    assert send_all(outbox) == [UNANSWERED_MAX + 1]


def test_devices_take_turns() -> None:
    outbox = outbox_of(*[a_slot(n) for n in range(1, 5)], *[a_slot(n, B) for n in range(101, 105)])
    turns = []
    for _ in range(4):
        (slot,) = outbox.send(0, 1, 0)
        turns.append(slot.device_id)
    assert turns in ([A, B, A, B], [B, A, B, A])


def test_after_a_restart_everything_unanswered_is_due_and_receipts_are_offered() -> None:
    states = (State.PULLED, State.SENT, State.HELD, State.REFUSED, State.RECEIPTED)
    outbox = outbox_of(*[a_slot(n, state=state) for n, state in enumerate(states, 1)])
    assert sorted(send_all(outbox)) == [1, 2, 3, 4]
    offer = outbox.next_offer(A, 0)
    assert offer is not None and offer.sequence == 5


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 20)),
        st.tuples(st.just("answer"), st.integers(1, 12), st.integers(0, len(answers.VERDICTS) - 1)),
        st.tuples(st.just("player"), st.integers(0, 12)),
        st.tuples(st.just("offer"), st.booleans()),
        st.tuples(st.just("wait"), st.integers(1, 10**8)),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_no_order_of_events_loses_a_segment(steps: list[tuple[str, int, int]]) -> None:
    outbox = outbox_of(*[a_slot(n) for n in range(1, 13)])
    now_ms, receipted, returned = 0, set(), set()
    for step in steps:
        match step:
            case ("send", count):
                sent = outbox.send(now_ms, count, 500)
                assert len(sent) == len({slot.sequence for slot in sent}) <= count
            case ("answer", number, verdict):
                slot = answered(outbox, number, verdict, now_ms, 500)
                if slot is not None and slot.state is State.RECEIPTED:
                    receipted.add(number)
            case ("player", number):
                for slot in outbox.player_at(A, number):
                    assert slot.sequence <= number and slot.sequence in receipted
                    returned.add(slot.sequence)
            case ("offer", refused):
                slot = outbox.next_offer(A, 0)
                if slot is not None and refused:
                    outbox.player_refused(slot, now_ms, 500)
                    receipted.discard(slot.sequence)
            case ("wait", span):
                now_ms += span
    held = {slot.sequence for slot in outbox.open_slots(A)}
    assert held | returned == set(range(1, 13)) and not held & returned
    # Left alone with an honest ledger and player, everything still comes to its end.
    now_ms += 10**9
    for slot in outbox.send(now_ms, 100, 0):
        outbox.answered(slot, answers.DUPLICATE, now_ms, 0)
    outbox.player_at(A, 12)
    assert len(outbox) == 0
