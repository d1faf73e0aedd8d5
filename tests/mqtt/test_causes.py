"""A sentence for each cause, once, in both daemons: by mosquitto with real certificates, and by a scripted broker."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from mosquitto_process import Authority, mosquitto_with, password_line
from patience import wait_until
from scripted_broker import Conversation, ScriptedBroker

from amos_ledger.mqtt import MqttEdge
from amos_mqtt import line as lines
from amos_mqtt.broker import Broker, BrokerSettingError, Login, TlsFiles, broker_at
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.notes import Notes
from amos_tools.demo.broker import free_port

PAST, FUTURE = datetime(2001, 1, 1), datetime(2099, 1, 1)


class Daemon:
    """A ledger's edge or a courier, and what its operator reads about the broker."""

    def __init__(self, kind: str, broker: Broker, folder: Path) -> None:
        self.said: list[str] = []
        if kind == "ledger":
            edge = MqttEdge(broker, "amos-ledger-test", self.said.append, (1, 1))
            edge.start()
            self.client = edge._client
            self._turn: Callable[[], object] = lambda: edge.next_batch(1, 0.02)
            self.close: Callable[[], object] = edge.stop
        else:
            courier = Courier(Settings("harbour", (), broker, folder / "spool"), Notes(self.said.append))
            self.client = courier.mqtt  # type: ignore[assignment]
            self._turn, self.close = lambda: courier.turn(20), courier.close

    def heard(self, words: str) -> bool:
        self._turn()
        return any(words in sentence for sentence in self.said)

    def until(self, words: str) -> None:
        wait_until(lambda: self.heard(words), lambda: f"{words!r} in {self.said}")

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._turn()


@pytest.fixture(params=["ledger", "courier"])
def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Broker], Daemon]]:
    made: list[Daemon] = []

    def make(broker: Broker) -> Daemon:
        made.append(Daemon(request.param, broker, tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.mark.parametrize(
    ("name", "dates", "words"),
    [
        ("127.0.0.1", {"not_after": PAST}, "has a TLS certificate that has expired"),
        ("127.0.0.1", {"not_before": FUTURE}, "has a TLS certificate that is not valid yet"),
        ("other.example", {}, "has a TLS certificate for another name than 127.0.0.1"),
        ("127.0.0.1", None, "has a TLS certificate of an authority that is not trusted here"),
    ],
)
def test_what_is_wrong_with_the_brokers_certificate_is_said(
    name: str,
    dates: dict[str, datetime] | None,
    words: str,
    daemon: Callable[[Broker], Daemon],
    authority: Authority,
    mosquitto: list[str],
    tmp_path: Path,
) -> None:
    by = Authority(tmp_path / "strangers") if dates is None else authority
    conf = by.broker(by.issue("broker.pem", name, **dates or {}))
    with mosquitto_with(mosquitto, tmp_path, conf) as port:
        daemon(broker_at(f"127.0.0.1:{port}", authority.ca)).until(words)


@pytest.mark.parametrize(
    ("whose", "words"),
    [
        ("nobody", "asks for a TLS certificate of ours"),
        ("strangers", "does not trust the authority of our TLS certificate"),
        ("expired", "says that our TLS certificate has expired"),
    ],
)
def test_what_the_broker_has_against_our_certificate_is_said(
    whose: str,
    words: str,
    daemon: Callable[[Broker], Daemon],
    authority: Authority,
    mosquitto: list[str],
    tmp_path: Path,
) -> None:
    ours = {
        "nobody": lambda: None,
        "strangers": lambda: Authority(tmp_path / "strangers").issue("client.pem"),
        "expired": lambda: authority.issue("client.pem", not_after=PAST),
    }[whose]()
    conf = authority.broker(authority.issue("broker.pem"), "require_certificate true\nallow_anonymous true\n")
    with mosquitto_with(mosquitto, tmp_path, conf) as port:
        daemon(broker_at(f"127.0.0.1:{port}", authority.ca, ours, ours)).until(words)


def test_tls_spoken_to_plainly_and_the_reverse_are_told_apart(
    daemon: Callable[[Broker], Daemon], authority: Authority, mosquitto: list[str], tmp_path: Path
) -> None:
    with mosquitto_with(mosquitto, tmp_path, authority.broker(authority.issue("broker.pem"))) as port:
        daemon(Broker("127.0.0.1", port)).until("speaks TLS at this port; use TLS (--tls-ca)")


def test_a_plain_port_spoken_to_in_tls(
    daemon: Callable[[Broker], Daemon], authority: Authority, mosquitto: list[str], tmp_path: Path
) -> None:
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\n") as port:
        daemon(broker_at(f"127.0.0.1:{port}", authority.ca)).until("speak TLS at this port")


def test_a_rotated_certificate_needs_no_restart(
    daemon: Callable[[Broker], Daemon], authority: Authority, mosquitto: list[str], tmp_path: Path
) -> None:
    ours = authority.issue("client.pem", not_after=PAST)
    conf = authority.broker(authority.issue("broker.pem"), "require_certificate true\nallow_anonymous true\n")
    with mosquitto_with(mosquitto, tmp_path, conf) as port:
        running = daemon(broker_at(f"127.0.0.1:{port}", authority.ca, ours, ours))
        running.until("has expired")
        ours.write_text("in the middle of being replaced")
        running.until("is not asked: TLS: expected PEM files that belong together")
        authority.issue("client.pem")
        running.until("connected, MQTT 5")
    assert len(running.said) == len(set(running.said)) == 3


def test_a_wrong_password_is_said_once_and_the_right_one_is_read_without_a_restart(
    daemon: Callable[[Broker], Daemon], mosquitto: list[str], tmp_path: Path
) -> None:
    (tmp_path / "passwords").write_text(password_line("harbour", "right"))
    (tmp_path / "ours").write_text("wrong\n")
    conf = f"allow_anonymous false\npassword_file {tmp_path / 'passwords'}\n"
    with mosquitto_with(mosquitto, tmp_path, conf) as port:
        running = daemon(Broker("127.0.0.1", port, login=Login("harbour", tmp_path / "ours")))
        running.until("check the name, the password and its access rules")
        running.run(3)
        assert len(running.said) == 1, running.said
        (tmp_path / "ours").write_text("right\n")
        running.until("connected, MQTT 5")
    assert sum("connected" in sentence for sentence in running.said) == 1


def test_files_of_passwords_that_hold_none_are_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    for path in (tmp_path / "empty", tmp_path / "absent", tmp_path):
        with pytest.raises(BrokerSettingError, match="expected a password"):
            broker_at("broker.example", login=Login("us", path))


def test_a_name_that_nobody_knows_and_a_port_where_nobody_listens(daemon: Callable[[Broker], Daemon]) -> None:
    daemon(Broker("broker.invalid", 1883)).until("cannot be reached: the name broker.invalid is not found (DNS)")


def test_a_port_where_nobody_listens(daemon: Callable[[Broker], Daemon]) -> None:
    running = daemon(Broker("127.0.0.1", free_port()))
    running.until("cannot be reached: nothing listens at this port")
    running.run(2.5)
    assert len(running.said) == 1, "once, not at each try"


def test_a_broker_that_says_nothing(daemon: Callable[[Broker], Daemon], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CONNECT_WAIT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        daemon(Broker("127.0.0.1", port, tls=TlsFiles())).until("cannot be reached: no answer in time")


@pytest.mark.parametrize("pieces", [1, 12, 13])
def test_a_broker_that_hangs_up_at_a_connect_of_mqtt_5_is_spoken_to_in_3_1_1(
    daemon: Callable[[Broker], Daemon], pieces: int
) -> None:
    """However much of the CONNECT it has read by then: byte by byte up to the level, or all of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    levels: list[int] = []

    def serve() -> None:
        while True:
            try:
                line, _address = listener.accept()
            except OSError:
                return
            read = b""
            while len(read) < max(pieces, 9):
                read += line.recv(1)
            levels.append(read[8])
            if read[8] == 5:
                line.close()
            else:
                line.sendall(b"\x20\x02\x00\x00")
                kept.append(line)

    kept: list[socket.socket] = []
    threading.Thread(target=serve, daemon=True).start()
    try:
        running = daemon(Broker("127.0.0.1", listener.getsockname()[1]))
        running.until("connected, MQTT 3.1.1")
        assert levels == [5, 4] and len(running.said) == 1, "no pause, and nothing to tell, between the two"
    finally:
        listener.close()
        for line in kept:
            line.close()


@pytest.mark.parametrize("level", [5, 4])
def test_accepted_and_closed_at_once_is_told_once_and_tried_with_growing_pauses(
    daemon: Callable[[Broker], Daemon], level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []
    monkeypatch.setattr(
        "amos_mqtt.client.back_off_ms", lambda _bounds, attempt, _jitter: attempts.append(attempt) or 50
    )
    willing: list[bool] = []

    def script(talk: Conversation) -> None:
        talk.accept()
        if willing:
            packet_id, _topic, _payload = talk.publish()
            talk.puback(packet_id)
            talk.stay()

    with ScriptedBroker(script) as broker:
        running = daemon(Broker("127.0.0.1", broker.port, (level,)))
        running.until(
            "breaks off each connection soon after it accepted it; another client may have the same client id"
        )
        wait_until(lambda: running.run(0.05) or len(attempts) >= 8, "more attempts")
        assert attempts[:8] == list(range(1, 9)), "what was accepted and closed makes no pause short again"
        assert sum("connected" in sentence for sentence in running.said) == 1
        # Whether the first message is written before the line breaks is chance, and then that is said, too.
        assert len(running.said) == len(set(running.said)) <= 4, running.said
        willing.append(True)

        def proved() -> bool:
            running.run(0.05)
            running.client.publish("amos/1/harbour/courier/status", b"x")
            return sum("connected" in sentence for sentence in running.said) == 2

        wait_until(proved, lambda: running.said)
        count, said = len(attempts), list(running.said)
        running.run(0.5)
        assert (len(attempts), running.said) == (count, said)


def test_a_broker_with_a_size_limit_is_not_sent_more(
    daemon: Callable[[Broker], Daemon], mosquitto: list[str], tmp_path: Path
) -> None:
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\nmax_packet_size 2000\n") as port:
        running = daemon(Broker("127.0.0.1", port))
        running.until("connected, MQTT 5")
        topic = f"amos/1/harbour/{bytes(16).hex()}/usage"
        assert running.client.publish(topic, bytes(3000)) is False
        running.until("takes messages of at most 2000 bytes, and one for amos/1/harbour/+/usage has 3000")
        assert running.client.publish(topic, bytes(1000)) is True and running.client.up


def test_a_size_limit_that_is_not_told_is_guessed_at(
    daemon: Callable[[Broker], Daemon], mosquitto: list[str], tmp_path: Path
) -> None:
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\nmax_packet_size 2000\n") as port:
        running = daemon(Broker("127.0.0.1", port, (4,)))
        running.until("connected, MQTT 3.1.1")
        running.client.publish(f"amos/1/harbour/{bytes(16).hex()}/usage", bytes(3000))
        running.until("broke off 3 times at a message of 3000 bytes for amos/1/harbour/+/usage; its size limit")
        wait_until(lambda: running.run(0.02) or running.client.up, "the connection without that message")


def test_the_same_client_id_twice_is_said(
    daemon: Callable[[Broker], Daemon], mosquitto: list[str], tmp_path: Path
) -> None:
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\n") as port:
        one = daemon(Broker("127.0.0.1", port))
        one.until("connected")
        client_id = one.client._settings.client_id
        other = MqttEdge(Broker("127.0.0.1", port), client_id, lambda _sentence: None, (1, 1))
        other.start()
        try:
            wait_until(
                lambda: other.next_batch(1, 0.02) or one.heard(f"which has the same client id {client_id}"),
                str(one.said),
            )
        finally:
            other.stop()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x97, "has no room for more messages (quota exceeded); its disk or its queue may be full"),
        (0x87, "does not permit publishing amos/1/harbour/+/usage; check its access rules"),
    ],
)
def test_a_message_that_the_broker_refuses(daemon: Callable[[Broker], Daemon], code: int, words: str) -> None:
    def script(talk: Conversation) -> None:
        talk.accept()
        while True:
            packet_id, topic, _payload = talk.publish()
            talk.puback(packet_id, code if topic.endswith("/usage") else 0)

    with ScriptedBroker(script) as broker:
        running = daemon(Broker("127.0.0.1", broker.port))
        running.until("connected")
        for number in range(5):
            running.client.publish(f"amos/1/harbour/{number:032x}/usage", b"x")
        running.until(words)
        running.run(0.3)
        assert sum(words in sentence for sentence in running.said) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x95, "takes only smaller messages than ours"),
        (0x97, "has no room for more messages (quota exceeded); its disk or its queue may be full"),
        (0x8B, "is shutting down"),
        (0x8E, "let another client in our place, which has the same client id"),
    ],
)
def test_a_broker_that_hangs_up_and_says_why(daemon: Callable[[Broker], Daemon], code: int, words: str) -> None:
    def script(talk: Conversation) -> None:
        talk.accept()
        talk.disconnect(code)

    with ScriptedBroker(script) as broker:
        running = daemon(Broker("127.0.0.1", broker.port))
        running.until(words)
        running.run(1.5)
        assert sum(words in sentence for sentence in running.said) == 1


def test_a_broker_that_takes_two_messages_at_once_is_sent_two(daemon: Callable[[Broker], Daemon]) -> None:
    got: list[int] = []
    go: list[bool] = []

    def script(talk: Conversation) -> None:
        talk.accept(b"\x21\x00\x02")  # receive maximum
        while True:
            packet_id, topic, _payload = talk.publish()
            if topic == "t":
                got.append(packet_id)
                while not go:
                    time.sleep(0.01)
            talk.puback(packet_id)

    with ScriptedBroker(script) as broker:
        running = daemon(Broker("127.0.0.1", broker.port))
        running.until("connected")
        wait_until(lambda: running.run(0.02) or not running.client._sent, "what it says of itself")
        for _ in range(6):
            assert running.client.publish("t", b"x")
        running.run(0.3)
        assert len(running.client._sent) == 2 and running.client.room == 0
        go.append(True)
        wait_until(lambda: running.run(0.02) or len(got) == 6, lambda: got)


def test_nonsense_of_a_broker_ends_the_line_and_not_the_daemon(daemon: Callable[[Broker], Daemon]) -> None:
    def script(talk: Conversation) -> None:
        talk.accept()
        talk.send(0x90, b"")  # a SUBACK of nothing
        talk.stay()

    with ScriptedBroker(script) as broker:
        running = daemon(Broker("127.0.0.1", broker.port))
        wait_until(lambda: running.run(0.02) or len(broker.levels) >= 2, lambda: running.said)


@pytest.mark.parametrize("refusal", [b"\x84\x00", b"\x01", b"\x80\x00"])
def test_a_broker_that_refuses_mqtt_5_by_a_code_is_spoken_to_in_3_1_1(
    daemon: Callable[[Broker], Daemon], refusal: bytes
) -> None:
    """In MQTT 5's words, or in those of 3.1.1, which is all that it knows."""

    def script(talk: Conversation) -> None:
        if talk.level == 5:
            talk.send(0x20, b"\0" + refusal)
        else:
            talk.accept()
            talk.stay()

    with ScriptedBroker(script) as broker:
        running = daemon(Broker("127.0.0.1", broker.port))
        running.until("connected, MQTT 3.1.1")
        assert broker.levels == [5, 4] and len(running.said) == 1


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the attempts before which a daemon pauses; each pause is short."""
    made: list[int] = []

    def pause(_bounds: tuple[int, int], attempt: int, _jitter: int) -> int:
        made.append(attempt)
        return 20

    monkeypatch.setattr("amos_mqtt.client.back_off_ms", pause)
    return made


def test_two_that_take_each_others_place_do_so_ever_more_slowly(
    daemon: Callable[[Broker], Daemon], attempts: list[int]
) -> None:
    """Though each connection is of use: otherwise both would come back at once, for ever."""

    def script(talk: Conversation) -> None:
        talk.accept()
        talk.deliver(f"amos/1/harbour/{bytes(16).hex()}/receipt", b"x", 1)
        talk.disconnect(0x8E)

    with ScriptedBroker(script) as broker:
        running = daemon(Broker("127.0.0.1", broker.port))
        wait_until(lambda: running.run(0.02) or len(attempts) >= 6, lambda: running.said)
        assert attempts[:6] == list(range(1, 7))
        assert sum("let another client in our place" in sentence for sentence in running.said) == 1


def test_a_connection_of_use_makes_the_pauses_short_again(
    daemon: Callable[[Broker], Daemon], attempts: list[int]
) -> None:
    def script(talk: Conversation) -> None:
        talk.accept()
        if talk.number == 4:
            talk.deliver(f"amos/1/harbour/{bytes(16).hex()}/receipt", b"x", 1)

    with ScriptedBroker(script) as broker:
        running = daemon(Broker("127.0.0.1", broker.port))
        wait_until(lambda: running.run(0.02) or len(attempts) >= 6, lambda: running.said)
        assert attempts[:6] == [1, 2, 3, 1, 2, 3]
