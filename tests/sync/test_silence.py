"""Whatever keeps a segment from its receipt is told, once, with what to do; `status` shows it; and that it is over."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mosquitto_process import mosquitto_with
from sync_brokers import TestBroker
from sync_journals import sealed
from sync_ledgers import truthful
from test_courier import SEED_A, SEED_B, Venue

from amos.protocol.answer import UNKNOWN_PACK
from amos_mqtt.broker import Broker, Login
from amos_sync import clock, hindrances, limits, outbox, unanswered
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.notes import Notes
from amos_sync.report import report
from amos_tools.demo.broker import free_port

LEVELS = pytest.mark.parametrize("level", [5, 4])


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is over in a moment, and what was not answered is asked again soon."""
    for part in (unanswered, hindrances):
        monkeypatch.setattr(part, "UNANSWERED_MS", 400)
    monkeypatch.setattr(hindrances, "LOOK_MS", 50)
    monkeypatch.setattr(outbox, "UNANSWERED_WAIT_MS", (200, 400))
    monkeypatch.setattr(outbox, "WAIT_MS", {})
    monkeypatch.setattr(outbox, "FINAL_WAIT_MS", (200, 400))
    monkeypatch.setattr("amos_sync.device.PORT_RETRY_MS", (50, 100))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Callable[[int], Venue]]:
    places: list[Venue] = []

    def make(port: int) -> Venue:
        places.append(Venue(tmp_path, port))
        return places[-1]

    yield make
    for place in places:
        place.end()


def shown(venue: Venue) -> list[str]:
    return [fault["sentence"] for fault in report(venue.folder / "spool")["faults"]]


def told_once(venue: Venue, words: str) -> None:
    """Told and shown by `status`; and not told again while it lasts."""
    venue.run(lambda: venue.heard(words))
    venue.run(lambda: any(words in sentence for sentence in shown(venue)))
    end = time.monotonic() + 1
    venue.run(lambda: time.monotonic() > end)
    assert sum(words in sentence for sentence in venue.said) == 1, venue.said
    assert any(words in sentence for sentence in shown(venue))
    assert len(venue.said) < 12, venue.said


def over(venue: Venue, words: str, sentence: str) -> None:
    venue.run(lambda: venue.heard(sentence))
    venue.run(lambda: not any(words in shown_one for shown_one in shown(venue)))


def speaking(venue: Venue, level: int, login: Login | None = None) -> None:
    assert venue.courier is not None
    venue.courier.mqtt.broker = Broker("127.0.0.1", venue.port, (level,), login=login)


def test_a_broker_that_is_away(at: Callable[[int], Venue]) -> None:
    venue = at(free_port())
    venue.player(SEED_A, 2)
    venue.start()
    told_once(venue, "cannot be reached: nothing listens at this port; trying again until it is there")


@LEVELS
def test_a_publish_that_is_denied(level: int, at: Callable[[int], Venue], mosquitto: list[str], tmp_path: Path) -> None:
    (tmp_path / "acl").write_bytes((Path(__file__).parents[2] / "boards/mosquitto/amos.acl").read_bytes())
    (tmp_path / "acl").chmod(0o600)
    with mosquitto_with(mosquitto, tmp_path, f"allow_anonymous true\nacl_file {tmp_path / 'acl'}\n") as port:
        venue = at(port)
        venue.player(SEED_A, 2)
        venue.start()
        speaking(venue, level, Login("another-site"))
        told_once(venue, "do the broker's access rules permit writing amos/1/cafe/+/usage")
        if level == 5:
            told_once(venue, "does not permit publishing amos/1/cafe/+/usage; check its access rules")


@pytest.mark.parametrize(
    ("level", "setting", "words"),
    [
        (5, "max_packet_size 400", "takes messages of at most 400 bytes, and one for amos/1/cafe/+/usage has"),
        (4, "max_packet_size 400", "its size limit may be smaller, or its access rules forbid it"),
        (5, "message_size_limit 450", "or its size limit does not permit a message of "),
        (4, "message_size_limit 450", "while others are answered; the largest has"),
    ],
)
def test_a_segment_that_is_too_large(
    level: int, setting: str, words: str, at: Callable[[int], Venue], mosquitto: list[str], tmp_path: Path
) -> None:
    with mosquitto_with(mosquitto, tmp_path, f"allow_anonymous true\n{setting}\n") as port:
        venue = at(port)
        line = venue.player(SEED_A, 2)
        line.player.segments[2] = sealed(line.player.seed, 2, rows=60)[1]
        venue.start_ledger()
        venue.fill_spool()  # both are on their way when the smaller one is answered
        venue.start()
        speaking(venue, level)
        told_once(venue, words)


@LEVELS
def test_no_ledger_subscribes(level: int, at: Callable[[int], Venue], broker: TestBroker) -> None:
    venue = at(broker.port)
    venue.player(SEED_A, 2)
    venue.start()
    speaking(venue, level)
    told_once(venue, "no answer of the ledger for a minute; is it running")
    venue.start_ledger()
    over(venue, "no answer of the ledger", "the ledger answers again")
    venue.run_until_idle()


def test_a_ledger_that_holds_segments(at: Callable[[int], Venue], broker: TestBroker) -> None:
    venue = at(broker.port)
    venue.player(SEED_A, 3)
    ledger = venue.start_ledger(lambda _device, _sequence, _resends: UNKNOWN_PACK)
    venue.start()
    told_once(venue, "publish the pack to the ledger, and the held segment is accepted")
    ledger._judge = truthful
    over(venue, "unknown pack", "no segment is held any more as: unknown pack")


def test_a_player_that_is_away(at: Callable[[int], Venue], broker: TestBroker) -> None:
    venue = at(broker.port)
    venue.start_ledger()
    venue.start(f"unix:{venue.folder}/p")
    told_once(venue, "no player listens there")
    line = venue.player(SEED_A, 1)
    venue.ledger.enrolled[line.player.device_id] = line.player.public_key  # type: ignore[union-attr]
    over(venue, "no player listens there", ": connected, ")


def test_a_player_that_takes_no_receipt(at: Callable[[int], Venue], broker: TestBroker) -> None:
    venue = at(broker.port)
    line = venue.player(SEED_A, 1)
    venue.start_ledger()
    courier = venue.start()
    courier.players.next_offer = lambda _device_id, _last: None  # type: ignore[method-assign]
    told_once(venue, "has not taken its receipt for segment 1 for a minute; look at its status")
    del courier.players.next_offer
    over(venue, "has not taken", "takes receipts again")
    assert line.player.last_receipted == 1


def test_a_spool_that_is_full(at: Callable[[int], Venue], broker: TestBroker) -> None:
    venue = at(broker.port)
    venue.player(SEED_A, 30)
    ledger = venue.start_ledger(lambda _device, _sequence, _resends: -1)
    venue.start(spool_bytes_max=4000)
    told_once(venue, "pulling stops until receipts make room; more of it is --spool-mib")
    ledger._judge = truthful
    over(venue, "full (", "has room again")


@LEVELS
def test_a_spool_that_was_cloned(
    level: int, at: Callable[[int], Venue], mosquitto: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amos_mqtt.client.back_off_ms", lambda *_: 30)
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\n") as port:
        venue = at(port)
        venue.player(SEED_A, 2)
        courier = venue.start()
        speaking(venue, level)
        shutil.copytree(venue.folder / "spool", venue.folder / "clone", ignore=shutil.ignore_patterns("*.lock"))
        other_said: list[str] = []
        settings = Settings("cafe", (), Broker("127.0.0.1", port, (level,)), venue.folder / "clone")
        other = Courier(settings, Notes(other_said.append))
        assert other.spool.client_id == courier.spool.client_id
        turn = courier.turn
        monkeypatch.setattr(courier, "turn", lambda wait_ms: (turn(wait_ms), other.turn(0)))
        try:
            told_once(venue, "same client id")
            venue.run(lambda: courier.mqtt.connections > 10)  # they take each other's place again and again
            assert sum("same client id" in sentence for sentence in venue.said) == 1, venue.said
            assert len(venue.said) < 12 and len(other_said) < 12, [*venue.said, *other_said]
        finally:
            other.close()


@pytest.mark.parametrize(("off_s", "words"), [(-86_400, "s behind the ledger's"), (86_400, "s ahead of the ledger's")])
def test_a_clock_that_is_wrong(
    off_s: int, words: str, at: Callable[[int], Venue], broker: TestBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = at(broker.port)
    line = venue.player(SEED_B, 1)
    ledger = venue.start_ledger()
    monkeypatch.setattr("amos_sync.limits.ANCHOR_RETRY_MS", 300)
    venue.start()
    real = time.time_ns
    monkeypatch.setattr("amos_sync.ledger_words.wall_ms", lambda: real() // 1_000_000 + off_s * 1000)
    assert line.player.last_receipted == 0 and ledger is not None
    told_once(venue, words)


def test_a_right_clock_is_nothing_to_tell() -> None:
    assert clock.clock_fault(1_000_000, 1_000_000, 0) is None
    assert clock.clock_fault(1_000_000 + limits.CLOCK_OFF_MS + 5000, 1_000_000, 5000) is None, "it came late"
    assert "behind" in (clock.clock_fault(1_000_000 - limits.CLOCK_OFF_MS - 1, 1_000_000, 5000) or "")


def test_who_ends_leaves_no_fault_behind(at: Callable[[int], Venue]) -> None:
    venue = at(free_port())
    venue.player(SEED_A, 1)
    courier = venue.start()
    told_once(venue, "cannot be reached")
    assert report(venue.folder / "spool")["running"] is True
    courier.close()
    venue.courier = None
    found = report(venue.folder / "spool")
    assert (found["running"], found["faults"]) == (False, [])
