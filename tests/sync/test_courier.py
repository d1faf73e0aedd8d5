"""The courier end to end: real broker, real lines, the real device side of the link, and everything that goes wrong."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from patience import Patience, wait_until
from sync_brokers import AmqttBroker, TestBroker
from sync_ledgers import FakeLedger, truthful
from sync_players import LEDGER_KEY, FakePlayer, PlayerThread, sealed

from amos.protocol import topics
from amos.protocol.answer import ACCEPTED, BAD_SIGNATURE, DUPLICATE, SENTENCES, UNAVAILABLE, UNKNOWN_DEVICE, Answer
from amos.protocol.envelope_host import wrap
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_talk import Pause
from amos.protocol.link_device import DeviceLink
from amos_mqtt import limits
from amos_mqtt.broker import Broker
from amos_sync import outbox
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.limits import POLL_TOGETHER_MS, UNANSWERED_MAX
from amos_sync.notes import Notes
from amos_sync.report import report
from amos_sync.spool import Spool
from amos_tools.demo.broker import free_port

SITE = "cafe"
ROOT = Path(__file__).parents[2]
SEED_A, SEED_B = b"a" * 32, b"b" * 32
Judge = Callable[[bytes, int, int], int | None]


class Venue:
    """A broker, a ledger and players, and couriers to run among them; `said` is what the operator read."""

    def __init__(self, folder: Path, port: int):
        self.folder = folder
        self.port = port
        self.said: list[str] = []
        self.players: list[PlayerThread] = []
        self.ledger: FakeLedger | None = None
        self.courier: Courier | None = None

    def player(self, seed: bytes, count: int, kind: str = "unix", name: str = "p", **more: object) -> PlayerThread:
        # A random tail keeps the tests' segments apart on the shared broker.
        seed = seed[:16] + hashlib.sha256(str(self.folder).encode()).digest()[:16]
        player = FakePlayer(seed, sealed(seed, count))
        self.players.append(PlayerThread(player, f"{kind}:{self.folder}/{name}", **more))  # type: ignore[arg-type]
        return self.players[-1]

    def start_ledger(self, judge: Judge = truthful, enrol: bool = True) -> FakeLedger:
        enrolled = {line.player.device_id: line.player.public_key for line in self.players} if enrol else {}
        self.ledger = FakeLedger(self.port, enrolled, judge)
        return self.ledger

    def start(self, *addresses: str, **more: object) -> Courier:
        addresses = addresses or tuple(line.address for line in self.players)
        self.courier = Courier(
            Settings(SITE, addresses, Broker("127.0.0.1", self.port), self.folder / "spool", **more),  # type: ignore[arg-type]
            Notes(self.said.append),
        )
        return self.courier

    def fill_spool(self) -> None:
        """As if all that the players have had been pulled while the broker was away."""
        spool = Spool(self.folder / "spool")
        for player in (line.player for line in self.players):
            for number, segment in player.segments.items():
                message = wrap(segment)
                digest, sent = hashlib.sha256(segment).digest(), hashlib.sha256(message).digest()
                about = player.device_id, number, digest, len(segment)
                spool.stage_pull(*about, message, sent, outbox.PULL_STATE)
        spool.commit()
        spool.close()

    def run(self, until: Callable[[], bool]) -> None:
        """Turn until it holds."""
        assert self.courier is not None
        patience = Patience()
        while not until():
            assert patience.lasts(), "\n".join(["expected it in time", *self.courier.missing(), *self.said])
            self.courier.turn(50)

    def run_until_idle(self) -> None:
        courier = self.courier
        assert courier is not None
        self.run(lambda: courier.idle)

    def state(self) -> dict[str, object]:
        """How far everybody is, for people."""
        assert self.ledger is not None
        return {
            "ledger": dict(self.ledger.verdicts),
            "players": [(line.address, line.player.last_receipted, line.bytes_in) for line in self.players],
            "spool": report(self.folder / "spool"),
        }

    def command(self, *more: str) -> list[str]:
        devices = [part for line in self.players for part in ("--device", line.address)]
        return [
            sys.executable, "-m", "amos_sync.cli", "run", "--site", SITE, "--broker", f"127.0.0.1:{self.port}",
            "--spool", str(self.folder / "spool"), "--ledger-key", LEDGER_KEY.hex(), *devices, *more,
        ]  # fmt: skip

    def end(self) -> None:
        if self.courier:
            self.courier.close()
        if self.ledger:
            self.ledger.stop()
        for line in self.players:
            line.stop()

    def assert_all_home(self, count: int) -> None:
        """Every segment is in the ledger once, byte for byte; every journal is trimmed."""
        assert self.ledger is not None
        expected = {hashlib.sha256(data).digest(): data for p in self.players for data in sealed(p.player.seed, count)}
        assert self.ledger.segments == expected
        for line in self.players:
            assert (line.player.last_receipted, line.player.segments) == (count, {})
        assert report(self.folder / "spool")["waiting"] == 0

    def heard(self, words: str) -> bool:
        return any(words in sentence for sentence in self.said)


@pytest.fixture
def venue(tmp_path: Path, broker: TestBroker) -> Iterator[Venue]:
    place = Venue(tmp_path, broker.port)
    yield place
    place.end()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of minutes become tenths of seconds."""
    monkeypatch.setattr(outbox, "UNANSWERED_WAIT_MS", (200, 400))
    monkeypatch.setattr(outbox, "PLAYER_REFUSED_WAIT_MS", (100, 200))
    monkeypatch.setattr(outbox, "FINAL_WAIT_MS", (200, 400))
    monkeypatch.setattr(outbox, "WAIT_MS", {})


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent again because this machine had other things to do: where each message is counted."""
    monkeypatch.setattr(outbox, "UNANSWERED_WAIT_MS", (600_000, 600_000))


@pytest.mark.usefixtures("patient")
def test_segments_go_up_and_receipts_come_back(venue: Venue) -> None:
    venue.player(SEED_A, 20)
    venue.player(SEED_B, 20, "serial", "tty")
    ledger = venue.start_ledger()
    venue.start(ledger_key=LEDGER_KEY)
    venue.run_until_idle()
    venue.assert_all_home(20)
    assert ledger.verdicts == {ACCEPTED: 40}
    found = report(venue.folder / "spool")
    assert [device["returned"] for device in found["devices"]] == [20, 20]
    assert sum(device["sent_bytes"] for device in found["devices"]) == ledger.message_bytes
    venue.run(lambda: venue.heard("all segments up to 20 are receipted"))


def test_a_broker_of_mqtt_3_does_as_well(
    tmp_path: Path, old_broker: TestBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.CONNACK_WAIT_MS, 5, 300)
    venue = Venue(tmp_path, old_broker.port)
    try:
        venue.player(SEED_A, 5)
        venue.start_ledger()
        venue.start()
        venue.run_until_idle()
        venue.assert_all_home(5)
        assert venue.heard("connected, MQTT 3.1.1")
    finally:
        venue.end()


@pytest.mark.parametrize("takes_several", [True, False])
def test_a_backlog_goes_together_and_alone_where_the_ledger_knows_no_such_message(
    venue: Venue, takes_several: bool, request: pytest.FixtureRequest
) -> None:
    """An earlier ledger refuses the one message that asks; what was in it goes alone then, and so does all else."""
    request.getfixturevalue("patient" if takes_several else "hurried")
    count = UNANSWERED_MAX + 40 if takes_several else 30  # as many may go alone before the first is answered
    venue.player(SEED_A, count)
    ledger = venue.start_ledger()
    ledger.takes_several = takes_several
    venue.fill_spool()
    venue.start()
    venue.run_until_idle()
    venue.assert_all_home(count)
    assert ledger.several > 1 if takes_several else ledger.several == 1


def test_what_plays_on_is_brought_too(venue: Venue) -> None:
    line = venue.player(SEED_A, 2)
    venue.start_ledger()
    venue.start()
    venue.run_until_idle()
    line.player.segments[3] = sealed(line.player.seed, 3)[2]
    line.player.next_sequence = 4
    venue.run(lambda: line.player.last_receipted == 3)
    venue.run_until_idle()
    venue.assert_all_home(3)


def test_idle_players_are_looked_at_in_the_same_turns(venue: Venue) -> None:
    """A turn costs something for each player, so that a turn for each look would cost its square."""
    for number in range(3):
        venue.player(b"%d" % number * 32, 1, name=f"p{number}")
    venue.start_ledger()
    courier = venue.start()
    venue.run_until_idle()
    looks = set[int]()

    def all_rest() -> bool:
        waits = [device._talk.awaited for device in courier.devices if device._talk is not None]
        looks.update(wait.until_ms % POLL_TOGETHER_MS for wait in waits if isinstance(wait, Pause))
        return all(isinstance(wait, Pause) for wait in waits)

    venue.run(all_rest)
    assert looks == {0}


def test_lines_that_damage_and_lose_bytes_only_delay(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)

    def spoil(data: bytes) -> bytes:
        if chance.random() < 0.06 and data:
            at = chance.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 + chance.randrange(2) :]
        return data

    # Lost answers are told from late ones by time alone.
    monkeypatch.setattr(CourierLink.submit, "__defaults__", (100, b""))
    line = venue.player(SEED_A, 8, spoil=spoil)
    venue.start_ledger()
    venue.start()
    venue.run_until_idle()
    venue.assert_all_home(8)
    assert line.bytes_out > 0 and venue.heard("damaged frames")


@pytest.mark.usefixtures("hurried")
def test_resends_until_receipted_and_a_resend_gets_the_original_receipt(venue: Venue) -> None:
    def forgets_first(_device: bytes, sequence: int, resends: int) -> int | None:
        if sequence % 2:
            return -1 if resends == 0 else None
        return UNAVAILABLE if resends == 0 else None

    venue.player(SEED_A, 6)
    ledger = venue.start_ledger(forgets_first)
    venue.start()
    venue.run_until_idle()
    venue.assert_all_home(6)
    assert all(count >= 2 for count in ledger.messages.values())
    assert venue.heard("unavailable")


@pytest.mark.usefixtures("hurried")
def test_a_lost_receipt_is_the_same_the_second_time(venue: Venue) -> None:
    venue.player(SEED_A, 3)
    ledger = venue.start_ledger()
    ledger.mute = True
    first = venue.start()
    venue.run(lambda: ledger.verdicts[ACCEPTED] == 3)
    first.close()
    ledger.verdicts.clear()
    ledger.mute = False
    venue.start()
    venue.run_until_idle()
    venue.assert_all_home(3)
    assert ledger.verdicts[DUPLICATE] >= 1 and ledger.verdicts[ACCEPTED] == 0


@pytest.mark.usefixtures("hurried")
def test_a_device_enrolled_late_is_accepted_then(venue: Venue) -> None:
    line = venue.player(SEED_A, 2)
    ledger = venue.start_ledger(enrol=False)
    venue.start()
    venue.run(lambda: ledger.verdicts[UNKNOWN_DEVICE] >= 2)
    venue.run(lambda: venue.heard("No enrolment names this device"))
    assert sum("No enrolment" in sentence for sentence in venue.said) == 1
    ledger.enrolled[line.player.device_id] = line.player.public_key
    venue.run_until_idle()
    venue.assert_all_home(2)


def test_a_final_refusal_is_kept_shown_and_ends_the_waiting(venue: Venue) -> None:
    venue.player(SEED_A, 3)
    venue.start_ledger(lambda _device, sequence, _resends: BAD_SIGNATURE if sequence == 3 else None)
    courier = venue.start()
    venue.run(lambda: len(courier.stuck()) == 1)
    assert not courier.idle
    (device,) = report(venue.folder / "spool")["devices"]
    sentence = SENTENCES[BAD_SIGNATURE]
    assert device["refusals"] == [{"sequence": 3, "verdict": "bad signature", "detail": None, "sentence": sentence}]
    assert (device["returned"], device["refused"]) == (2, 1)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("checking", [True, False])
def test_forged_answers_and_garbage_only_delay(venue: Venue, checking: bool) -> None:
    line = venue.player(SEED_A, 2)
    ledger = venue.start_ledger(lambda _device, _sequence, _resends: -1)
    courier = venue.start(**({"ledger_key": LEDGER_KEY} if checking else {}))
    venue.run(lambda: len(ledger.messages) == 2)
    topic = topics.device_topic(SITE, line.player.device_id, topics.RECEIPT)
    other = FakeLedger(venue.port, {}, truthful)
    elsewhere = sealed(SEED_B, 1)[0]
    other._keep(elsewhere)
    forged = other.receipts[hashlib.sha256(elsewhere).digest()]
    for message in ledger.messages:
        sequence = courier.outbox.find(message).sequence  # type: ignore[union-attr]
        answer = Answer(
            message_sha256=message, verdict=ACCEPTED, device_id=line.player.device_id, sequence=sequence, receipt=forged
        )
        wrong = Answer(message_sha256=message, verdict=DUPLICATE, device_id=b"x" * 16, sequence=1, receipt=forged)
        for payload in (b"garbage", b"", os.urandom(60_000), wrong.encode(), answer.encode()):
            ledger.publish(topic, payload)
    told = "ignored a message" if checking else "did not take the receipt"
    venue.run(lambda: venue.heard(told))
    assert (line.player.last_receipted, len(line.player.segments)) == (0, 2)
    assert (line.player.refused > 0) is not checking
    ledger._judge = truthful
    venue.run_until_idle()
    venue.assert_all_home(2)
    other.stop()


def test_a_port_that_vanishes_and_comes_back(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_sync.device.PORT_RETRY_MS", (50, 100))
    line = venue.player(SEED_A, 8, "serial", "tty")
    ledger = venue.start_ledger()
    courier = venue.start()
    venue.run(lambda: len(ledger.segments) >= 3)
    line.stop()
    venue.run(lambda: courier.devices[0].session is None)
    assert not courier.idle
    venue.run(lambda: venue.heard("not there; plug the player in"))
    venue.players[0] = PlayerThread(line.player, line.address)
    venue.run_until_idle()
    venue.assert_all_home(8)


def test_a_player_that_stops_once_receipted_is_not_waited_for(venue: Venue) -> None:
    first = venue.player(SEED_A, 2)
    venue.player(SEED_B, 3, name="q")
    ledger = venue.start_ledger(lambda _device, sequence, _resends: UNAVAILABLE if sequence == 3 else None)
    courier = venue.start()
    venue.run(lambda: courier.devices[0].session is not None and courier.devices[0].session.settled)
    first.stop()
    venue.run(lambda: courier.devices[0].session is None)
    assert not courier.idle
    ledger._judge = truthful
    venue.run_until_idle()
    assert courier.devices[0].session is None


@pytest.mark.usefixtures("patient")
def test_a_player_on_micropython_over_a_pty(venue: Venue, micropython: list[str]) -> None:
    seed, path = os.urandom(32), venue.folder / "tty"
    program = Path(__file__).with_name("sync_journals.py")
    process = subprocess.Popen(
        [*micropython, str(program), str(path), seed.hex(), "8"],
        env={**os.environ, "MICROPYPATH": f"{ROOT}/firmware:{ROOT}/tests/portable"},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        player = FakePlayer(seed, [])
        ledger = venue.start_ledger()
        ledger.enrolled[player.device_id] = player.public_key
        venue.start(f"serial:{path}", ledger_key=LEDGER_KEY)
        venue.run_until_idle()
        assert list(ledger.segments.values()) == sealed(seed, 8)
        assert ledger.verdicts == {ACCEPTED: 8}
    finally:
        process.kill()
        process.wait()


def test_a_missing_port_and_a_late_broker_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_sync.device.PORT_RETRY_MS", (50, 100))
    monkeypatch.setitem(limits.CONNACK_WAIT_MS, 5, 300)
    venue = Venue(tmp_path, free_port())
    courier = venue.start(f"unix:{tmp_path}/p")
    venue.run(lambda: venue.heard("no player listens there") and venue.heard("cannot be reached"))
    line = venue.player(SEED_A, 3)
    venue.run(lambda: len(courier.outbox) == 3)
    assert line.player.last_receipted == 0
    late = AmqttBroker(venue.port)
    try:
        venue.start_ledger()
        venue.run_until_idle()
        venue.assert_all_home(3)
    finally:
        venue.end()
        late.stop()


def test_another_player_on_a_known_port_is_told_and_served(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_sync.device.PORT_RETRY_MS", (50, 100))
    first = venue.player(SEED_A, 2)
    second = venue.player(SEED_B, 2, name="q")
    ledger = venue.start_ledger()
    courier = venue.start(first.address)
    venue.run_until_idle()
    first.stop()
    venue.run(lambda: courier.devices[0].session is None)
    second.stop()
    venue.players[1] = PlayerThread(second.player, first.address)
    venue.run(lambda: len(ledger.segments) == 4 and courier.idle)
    assert venue.heard("another player than before")
    venue.assert_all_home(2)


def test_one_player_on_two_ports_is_served_on_one(venue: Venue) -> None:
    line = venue.player(SEED_A, 2)
    twin = PlayerThread(FakePlayer(line.player.seed, []), f"unix:{venue.folder}/twin")
    venue.start_ledger()
    courier = venue.start(line.address, twin.address)
    venue.run(lambda: line.player.last_receipted == 2 or twin.player.last_receipted == 2 or venue.heard(" is at "))
    assert sum(device.session is not None and device.session.device_id is not None for device in courier.devices) == 1
    twin.stop()


def test_a_player_that_hands_over_what_is_another_ones_comes_in_nobodys_way(venue: Venue) -> None:
    honest, liar = venue.player(SEED_A, 3), venue.player(SEED_B, 3, name="q")
    liar.player.segments = dict(honest.player.segments)
    ledger = venue.start_ledger()
    courier = venue.start(liar.address, honest.address)  # the liar's are there first
    venue.run(lambda: honest.player.last_receipted == 3 and courier.spool.open_entries == 0)
    assert len(ledger.segments) == 3 and liar.player.last_receipted == 0
    assert venue.heard("expected its own segment 1, found 1 of") and not venue.heard("damaged")


def test_a_player_that_cannot_prove_its_key_is_left_alone(venue: Venue) -> None:
    line = venue.player(SEED_A, 2)
    line.player.sign_identity = lambda nonce: bytes(64)  # type: ignore[method-assign]
    courier = venue.start()
    venue.run(lambda: venue.heard("does not prove that it holds its key"))
    assert len(courier.outbox) == 0


def test_another_segment_under_a_known_number_goes_up_as_well(venue: Venue) -> None:
    line = venue.player(SEED_A, 2)
    ledger = venue.start_ledger(lambda _device, _sequence, _resends: -1)
    courier = venue.start()
    venue.run(lambda: len(ledger.messages) == 2)
    line.player.segments[2] = sealed(line.player.seed, 2, rows=9)[1]
    courier.devices[0].close()
    venue.run(lambda: len(ledger.messages) == 3)
    assert venue.heard("has another segment 2 than before")


def test_a_full_spool_stops_pulling_until_receipts_make_room(venue: Venue) -> None:
    line = venue.player(SEED_A, 30)
    ledger = venue.start_ledger(lambda _device, _sequence, _resends: -1)
    courier = venue.start(spool_bytes_max=4000)
    venue.run(lambda: venue.heard("full ("))
    pulled = len(courier.outbox)
    assert 0 < pulled < 30
    venue.run(lambda: len(ledger.messages) == pulled)
    assert len(line.player.segments) == 30
    ledger._judge = truthful
    courier._load()  # as after a restart: what is unanswered is due
    venue.run_until_idle()
    venue.assert_all_home(30)


def test_a_spool_that_cannot_be_written_stops_everything_and_heals(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amos_sync.courier.SPOOL_RETRY_MS", 200)
    monkeypatch.setattr("amos_sync.device.PORT_RETRY_MS", (50, 100))
    venue.player(SEED_A, 40)
    courier = venue.start()  # without a ledger: what has its receipt would give way, and its room be used again
    pages = courier.spool._database.execute("PRAGMA page_count").fetchone()[0]
    courier.spool._database.execute(f"PRAGMA max_page_count = {pages + 3}")
    venue.run(lambda: venue.heard("nothing is pulled or sent until it works again"))
    assert courier.spool.open_entries < 40
    venue.start_ledger()
    courier.spool._database.execute("PRAGMA max_page_count = 100000")
    venue.run_until_idle()
    venue.assert_all_home(40)


@pytest.mark.usefixtures("patient")
def test_a_restored_player_gets_its_receipts_again(venue: Venue) -> None:
    line = venue.player(SEED_A, 4)
    ledger = venue.start_ledger()
    courier = venue.start()
    venue.run_until_idle()
    # Its card was set back to before the receipts came.
    line.player.segments, line.player.last_receipted = dict(enumerate(sealed(line.player.seed, 4), 1)), 0
    line.link = DeviceLink(line.player)
    courier.devices[0].close()
    venue.run(lambda: line.player.last_receipted == 4 and courier.idle)
    venue.assert_all_home(4)
    assert ledger.verdicts[ACCEPTED] == 4 and ledger.verdicts[DUPLICATE] == 4


def test_kill_9_in_the_middle_changes_none_of_the_totals(venue: Venue) -> None:
    venue.player(SEED_A, 60)
    venue.player(SEED_B, 60, "serial", "tty")
    ledger = venue.start_ledger()
    kills = 0

    def reached(goal: int, courier: "subprocess.Popen[bytes]") -> bool:
        return len(ledger.segments) >= goal or courier.poll() is not None

    for goal in (10, 40, 80):
        courier = subprocess.Popen(venue.command())  # what it says is shown if this fails
        wait_until(partial(reached, goal, courier), venue.state)
        time.sleep(random.uniform(0, 0.05))
        kills += courier.poll() is None
        os.kill(courier.pid, signal.SIGKILL)
        courier.wait()
    last = subprocess.run(venue.command("--until-idle", "--timeout-s", "120"), capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    assert "Traceback" not in last.stderr
    assert kills == 3
    venue.assert_all_home(60)
    assert ledger.verdicts[ACCEPTED] == 120
    found = report(venue.folder / "spool")
    assert sum(device["segments"] for device in found["devices"]) == 120
    shown = subprocess.run(
        [sys.executable, "-m", "amos_sync.cli", "status", "--spool", str(venue.folder / "spool"), "--json"],
        capture_output=True,
        text=True,
    )
    assert json.loads(shown.stdout) == found


def test_kill_9_while_a_backlog_goes_together_loses_and_doubles_nothing(venue: Venue) -> None:
    """Answers come twice and some not at all, a whole message's worth of them included."""
    venue.player(SEED_A, 200)
    venue.player(SEED_B, 200, "serial", "tty")
    ledger = venue.start_ledger()
    told: Iterator[int] = iter(range(1, 10_000))
    ledger.said = lambda answer: [answer] * (0 if next(told) % 150 < 40 else 2)
    venue.fill_spool()
    killed = 0
    for goal in (40, 200):
        courier = subprocess.Popen(venue.command())
        ended = partial(subprocess.Popen.poll, courier)
        wait_until(lambda goal=goal, ended=ended: len(ledger.segments) >= goal or ended() is not None, venue.state)
        killed += courier.poll() is None
        os.kill(courier.pid, signal.SIGKILL)
        courier.wait()
    assert killed == 2 and ledger.several > 2
    ledger.said = lambda answer: [answer]
    last = subprocess.run(venue.command("--until-idle", "--timeout-s", "120"), capture_output=True, text=True)
    assert last.returncode == 0 and "Traceback" not in last.stderr, last.stderr
    venue.assert_all_home(200)


def test_a_courier_that_ends_leaves_no_status_of_its_players(venue: Venue) -> None:
    heard: dict[str, bytes] = {}
    client = paho.Client(CallbackAPIVersion.VERSION2, "watcher", protocol=paho.MQTTv311)
    client.on_message = lambda _client, _data, message: heard.update({message.topic: message.payload})
    client.connect("127.0.0.1", venue.port)
    client.subscribe("amos/1/+/+/status", 1)
    client.loop_start()
    try:
        line = venue.player(SEED_A, 2)
        venue.start_ledger()
        courier = venue.start()
        venue.run_until_idle()
        topic = topics.device_topic(courier.settings.site, line.player.device_id, topics.STATUS)
        venue.run(lambda: bool(heard.get(topic)))
        courier.close()
        venue.courier = None
        wait_until(lambda: heard[topic] == b"", "the empty status")
    finally:
        client.disconnect()
        client.loop_stop()
