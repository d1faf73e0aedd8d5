"""What is written to publish a log stays in proportion to what is stored, and no receipt waits for long."""

from typing import Any

import pytest

from amos.protocol import answer
from amos_ledger.ledger import Ledger
from amos_ledger.publish_pace import FREE_BYTES_MAX, WAIT_S_MAX, PublishPace

NOON = 1_793_534_400


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def paced(world: Any, clock: Clock) -> Any:
    """The world with a ledger by this clock, which has spent what it may write for nothing."""
    world.ledger.close()
    world.ledger = Ledger(world.folder, monotonic_s=clock)
    world.ledger.tick()
    world.ledger.spend_free_bytes()
    return world


def test_one_segment_a_second_writes_eight_bytes_a_byte_at_most(paced: Any, clock: Clock) -> None:
    device = paced.device()
    paced.ledger.tick(at_once=True)
    stored, before, waits = 0, paced.ledger.published_bytes, []
    sent: dict[bytes, float] = {}
    for number in range(600):  # more than two bundles
        clock.now_s += 1
        rows = [(0, start, 90) for start in range(0, 100 * 100, 100)]
        segment = device.seal(rows)
        message = device.message(segment)
        stored += len(segment)
        sent[message.sha256] = clock.now_s
        for reply in paced.ledger.take([message], NOON + 60 * number) + paced.ledger.tick():
            assert reply.answer.verdict == answer.ACCEPTED
            waits.append(clock.now_s - sent.pop(reply.answer.message_sha256))
    for _ in range(int(WAIT_S_MAX) + 1):
        clock.now_s += 1
        for reply in paced.ledger.tick():
            waits.append(clock.now_s - sent.pop(reply.answer.message_sha256))
    assert not sent and len(waits) == 600 and max(waits) <= WAIT_S_MAX
    assert (paced.ledger.published_bytes - before) / stored <= 8


def test_what_is_not_published_is_answered_when_it_is(paced: Any, clock: Clock) -> None:
    device, other = paced.device(), paced.device(2)
    paced.ledger.tick(at_once=True)
    paced.ledger._pace.published(0, 1 << 20)
    segment = device.seal()
    assert paced.take(device, segment) == []
    assert paced.take(device, segment) == []  # it is no duplicate with a receipt either
    [held] = paced.take(other, (other.seal(), other.seal())[1])
    assert held.verdict == answer.GAP  # what needs no receipt does not wait
    assert paced.ledger.tick() == []
    clock.now_s += WAIT_S_MAX
    [accepted] = paced.answers(paced.ledger.tick())
    assert accepted.verdict == answer.ACCEPTED
    paced.check_receipt(segment, accepted.receipt)


def test_a_process_that_ended_before_it_published_leaves_it_to_the_next(paced: Any) -> None:
    device = paced.device()
    paced.ledger.tick(at_once=True)
    paced.ledger._pace.published(0, 1 << 20)
    segment = device.seal()
    assert paced.take(device, segment) == []
    [late] = paced.answers(paced.restart())
    paced.check_receipt(segment, late.receipt)


def test_a_ledger_that_is_rarely_asked_never_waits() -> None:
    pace, now_s = PublishPace(), 0.0
    for _ in range(1000):
        now_s += 600
        assert pace.due(1600, now_s)
        pace.published(1600, 215_000)
    pace.published(0, 10 * FREE_BYTES_MAX)
    assert not pace.due(1600, now_s) and not pace.due(1600, now_s + 5) and pace.due(1600, now_s + WAIT_S_MAX)
