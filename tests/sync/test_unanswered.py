"""A ledger that gives no answer is told once, and that it answers again once."""

from pathlib import Path

import pytest
from mosquitto_process import mosquitto_with
from sync_brokers import TestBroker
from test_courier import Venue

from amos_mqtt.broker import Broker, Login
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


@pytest.mark.parametrize("level", [5, 4])
def test_access_rules_that_forbid_it_are_thought_of(
    level: int, tmp_path: Path, mosquitto: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logged in as another site: in 3.1.1 the broker takes every segment, and gives it to nobody."""
    monkeypatch.setattr(unanswered, "UNANSWERED_MS", 300)
    rules = Path(__file__).parents[2] / "boards/linux/mosquitto.acl"
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
