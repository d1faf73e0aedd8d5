"""A transaction that another one was in the way of is taken again, whatever it was for, and happens once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from amos.protocol.answer import ACCEPTED
from amos.protocol.topics import ENROLMENT, TIME, device_topic
from amos_ledger.intake.reading import Message, read
from amos_ledger.ledger import ATTEMPTS, persist
from amos_ledger.store.failures import Conflict
from amos_ledger.store.store import Store

NOON = 1_793_534_400


class Others:
    """The next `left` transactions, the outermost of each, are undone at their ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = self.undone = 0
        self._whole = Store.transaction
        others = self

        @contextmanager
        def contested(store: Store, devices: Any = ()) -> Iterator[None]:
            outermost = not store.chain._database.in_transaction
            with others._whole(store, devices):
                yield
                if outermost and others.left:
                    others.left, others.undone = others.left - 1, others.undone + 1
                    raise Conflict("another transaction was in the way")

        monkeypatch.setattr(Store, "transaction", contested)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Others:
    return Others(monkeypatch)


def test_an_enrolment(world: Any, others: Others) -> None:
    device = world.device(enrolled=False)
    others.left = ATTEMPTS - 1
    sent = Message.of(device_topic("harbour", device.key.id, ENROLMENT), device.enrolment(world.operator))
    [reply] = world.ledger.take([sent], NOON)
    assert (reply.answer.verdict, others.undone) == (ACCEPTED, ATTEMPTS - 1)
    world.check_receipt(sent.payload, reply.answer.receipt)
    assert world.totals().log_size == 4


def test_a_time_anchor(world: Any, others: Others) -> None:
    device = world.device()
    others.left = ATTEMPTS - 1
    found = world.ledger.date([Message.of(device.topic(TIME), bytes(16))], NOON * 1000)
    assert len(found) == 1 and found[0] is not None and others.undone == ATTEMPTS - 1
    with world.folder.open_store() as store:
        assert store.chain.anchors.issued(device.key.id, NOON * 1000).issued


def test_the_head_for_what_a_worker_took_in(world: Any, others: Others) -> None:
    device = world.device()
    with world.folder.open_store() as store:
        persist(store, [read(device.message(device.seal()))], NOON, False)
    others.left = ATTEMPTS - 1
    [told] = world.answers(world.ledger.tick())
    assert (told.verdict, others.undone) == (ACCEPTED, ATTEMPTS - 1)
    world.check_receipt(device.sealed[-1], told.receipt)
    with world.folder.open_store() as store:
        assert len(store.chain.heads.all()) == 1
