"""Several segments in one message: when they go together, and that nothing is lost where that goes wrong."""

from hashlib import sha256

from amos.protocol.answer import UNAVAILABLE
from amos.protocol.ledger_limits import SEVERAL_MAX
from amos_sync.limits import (
    TOGETHER_AGAIN_MS,
    TOGETHER_FIRST,
    TOGETHER_QUICK_MS,
    TOGETHER_SLOW_MS,
    UNANSWERED_MAX,
    UNANSWERED_TOGETHER_MAX,
)
from amos_sync.outbox import Outbox, Slot, State
from amos_sync.together import Together

A, B = b"a" * 16, b"b" * 16


def outbox_with(*counts: tuple[bytes, int]) -> Outbox:
    outbox = Outbox(UNANSWERED_MAX)
    for device, count in counts:
        for number in range(1, count + 1):
            digest = sha256(device + number.to_bytes(4, "big")).digest()
            outbox.add(Slot(len(outbox) + 1, device, number, digest, State.PULLED))
    return outbox


def numbers(groups: list[list[Slot]]) -> list[tuple[bytes, list[int]]]:
    return [(group[0].device_id, [slot.sequence for slot in group]) for group in groups]


def test_what_goes_together_is_of_one_device_and_in_order() -> None:
    outbox = outbox_with((A, 5), (B, 2))
    assert numbers(outbox.send_together(0, 3, 0, 3, 64)) == [(A, [1, 2, 3]), (B, [1, 2]), (A, [4, 5])]


def test_one_device_has_no_more_under_way_than_its_window() -> None:
    outbox = outbox_with((A, 300))
    assert sum(map(len, outbox.send_together(0, 99, 0, 60, UNANSWERED_TOGETHER_MAX))) == UNANSWERED_TOGETHER_MAX
    assert outbox.send_together(0, 99, 0, 60, UNANSWERED_TOGETHER_MAX) == []


def test_what_is_sent_again_goes_alone() -> None:
    outbox = outbox_with((A, 4))
    outbox.send_together(0, 1, 0, 2, 64)
    again = outbox.next_due_ms()
    assert again is not None
    assert numbers(outbox.send_together(again, 9, 0, 9, 64)) == [(A, [1]), (A, [2]), (A, [3, 4])]


def test_what_the_ledger_could_not_take_just_then_was_answered_all_the_same() -> None:
    """Its company did it no harm: when it goes again, that is no sign of a ledger that takes one at a time."""
    outbox = outbox_with((A, 2))
    (group,) = outbox.send_together(0, 1, 0, 2, 64)
    for slot in group:
        slot.together = True
        outbox.answered(slot, UNAVAILABLE, 5, 0)
    again = outbox.next_due_ms()
    assert again is not None
    assert not any(slot.together for group in outbox.send_together(again, 9, 0, 9, 64) for slot in group)


def test_one_message_asks_and_all_others_go_alone_until_it_is_answered() -> None:
    together = Together()
    assert together.each_max(0) == TOGETHER_FIRST
    together.sent(TOGETHER_FIRST)
    assert together.each_max(0) == 1 and not together.proved
    together.answered(TOGETHER_QUICK_MS)
    assert together.proved and together.each_max(0) == TOGETHER_FIRST + 1


def grown(now_ms: int = 0) -> Together:
    together = Together()
    together.sent(2)
    for _ in range(2 * SEVERAL_MAX):
        together.answered(0)
    assert together.each_max(now_ms) == SEVERAL_MAX
    return together


def test_slow_answers_have_fewer_go_together() -> None:
    together = grown()
    together.answered(TOGETHER_SLOW_MS)
    assert together.each_max(0) == SEVERAL_MAX
    for _ in range(SEVERAL_MAX):
        together.answered(TOGETHER_SLOW_MS + 1)
    assert together.each_max(0) == TOGETHER_FIRST


def test_without_an_answer_all_go_alone_for_a_while() -> None:
    together = grown()
    together.overdue(5)
    assert together.each_max(5 + TOGETHER_AGAIN_MS - 1) == 1
    assert together.each_max(5 + TOGETHER_AGAIN_MS) == TOGETHER_FIRST


def test_a_line_that_breaks_with_several_under_way_is_given_half_as_many_each_time() -> None:
    together = Together()
    tried = []
    for _ in range(8):
        together.connected(True, 0)
        together.sent(2)
        for _ in range(2 * SEVERAL_MAX):
            together.answered(0)
        tried.append(together.each_max(0))
        together.sent(2)
        together.connected(False, 0)
    assert tried == [64, 32, 16, 8, 4, 2, 1, 1]
    together.connected(True, 0)
    for _ in range(SEVERAL_MAX):
        together.answered(0)
    assert [together.each_max(turn * TOGETHER_AGAIN_MS) for turn in (1, 2, 3)] == [2, 4, 8]


def test_a_line_that_breaks_with_nothing_under_way_changes_nothing() -> None:
    together = Together()
    together.connected(False, 0)
    together.connected(True, 0)
    assert together.each_max(0) == TOGETHER_FIRST
