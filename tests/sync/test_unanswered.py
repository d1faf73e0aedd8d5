"""A ledger that gives no answer is told once, and that it answers again once."""

from pathlib import Path

import pytest
from mosquitto_process import mosquitto_with
from sync_brokers import TestBroker
from test_courier import Venue

from amos_mqtt.broker import Broker, Login
from amos_mqtt.limits import UNANSWERED_MS
from amos_sync import hindrances, unanswered
from amos_sync.outbox import Slot, State
from amos_sync.unanswered import Unanswered


def asked(number: int, now_ms: int) -> Slot:
    slot = Slot(number, bytes(16), number, bytes(32), State.SENT)
    slot.asked_ms = now_ms
    return slot


def test_silence_counts_from_what_was_asked_first_and_only_while_connected() -> None:
    silent, first, second = Unanswered(), asked(1, 1000), asked(2, 30_000)
    silent.look([first, second], 10 * UNANSWERED_MS)
    assert silent.slots == [], "nobody could answer"
    silent.connected(500)
    silent.look([first, second], 999 + UNANSWERED_MS)
    assert silent.slots == []
    silent.look([first, second], 1000 + UNANSWERED_MS)
    assert silent.slots == [first] and not silent.partly
    silent.connected(None)
    silent.look([first, second], 10 * UNANSWERED_MS)
    assert silent.slots == [first], "what was so stays so"
    silent.connected(10 * UNANSWERED_MS)
    silent.answered(10 * UNANSWERED_MS + 1)
    silent.look([first, second], 11 * UNANSWERED_MS)
    assert silent.slots == [first, second] and silent.partly
    first.asked_ms = second.asked_ms = None
    silent.look([first, second], 11 * UNANSWERED_MS)
    assert silent.slots == []


def test_the_operator_is_told(tmp_path: Path, broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered, "UNANSWERED_MS", 300)
    monkeypatch.setattr(hindrances, "LOOK_MS", 50)
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


@pytest.mark.parametrize("level", [5, 4])
def test_access_rules_that_forbid_it_are_thought_of(
    level: int, tmp_path: Path, mosquitto: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logged in as another site: in 3.1.1 the broker takes every segment, and gives it to nobody."""
    monkeypatch.setattr(unanswered, "UNANSWERED_MS", 300)
    monkeypatch.setattr(hindrances, "LOOK_MS", 50)
    rules = Path(__file__).parents[2] / "boards/mosquitto/amos.acl"
    (tmp_path / "acl").write_bytes(rules.read_bytes())
    (tmp_path / "acl").chmod(0o600)
    with mosquitto_with(mosquitto, tmp_path, f"allow_anonymous true\nacl_file {tmp_path / 'acl'}\n") as port:
        venue = Venue(tmp_path, port)
        try:
            venue.player(bytes(32), 2)
            courier = venue.start()
            courier.mqtt.broker = Broker("127.0.0.1", port, (level,), login=Login("another-site"))
            venue.run(lambda: venue.heard("do the broker's access rules permit writing amos/1/"))
            assert sum("no answer of the ledger" in sentence for sentence in venue.said) == 1
            assert venue.heard("does not permit publishing amos/1/") == (level == 5), venue.said
        finally:
            venue.end()
