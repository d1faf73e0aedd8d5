"""A ledger that gives no answer is told once, and that it answers again once."""

from pathlib import Path

import pytest
from sync_brokers import TestBroker
from test_courier import Venue

from amos_mqtt.limits import UNANSWERED_MS
from amos_sync import unanswered
from amos_sync.unanswered import Unanswered


def test_silence_counts_from_what_was_asked_first_and_only_while_connected() -> None:
    silent = Unanswered()
    assert not silent.look(10 * UNANSWERED_MS), "nothing was asked"
    silent.sent(1000)
    silent.sent(30_000)
    assert not silent.look(999 + UNANSWERED_MS)
    silent.interrupted()
    assert not silent.look(1000 + UNANSWERED_MS), "what was asked may be lost"
    silent.sent(70_000)
    assert silent.look(70_000 + UNANSWERED_MS)
    assert not silent.look(70_000 + 2 * UNANSWERED_MS), "once"
    assert silent.answered() and not silent.answered()
    assert not silent.look(10 * UNANSWERED_MS)


def test_the_operator_is_told(tmp_path: Path, broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered, "UNANSWERED_MS", 300)
    venue = Venue(tmp_path, broker.port)
    try:
        venue.player(bytes(32), 2)
        venue.start()
        venue.run(lambda: venue.heard("no answer of the ledger for a minute; is it running"))
        venue.run(lambda: True)
        venue.start_ledger()
        monkeypatch.setattr("amos_sync.outbox.UNANSWERED_WAIT_MS", (100, 200))
        venue.run(lambda: venue.heard("the ledger answers again"))
        assert sum("no answer of the ledger" in sentence for sentence in venue.said) == 1
    finally:
        venue.end()
