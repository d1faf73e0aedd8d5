"""The client against a broker of a few lines: which levels it tries, and what it makes of a broker that is no use."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from patience import wait_until

from amos_mqtt.broker import Broker
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Down, Inbox, Said, Up
from amos_mqtt.limits import ARRIVALS_QUEUED_MAX
from amos_mqtt.settings import ClientSettings

CONNACK = {5: b"\x20\x03\x00\x00\x00", 4: b"\x20\x02\x00\x00"}


class MoodyBroker:
    """Hangs up on the first so many connections, then accepts; `levels` are those of the CONNECTs that came."""

    def __init__(self, hang_ups: int):
        self.levels: list[int] = []
        self._hang_ups = hang_ups
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _address = self._listener.accept()
            except OSError:
                return
            asked = line.recv(4096)
            if asked[0] != 0x10:  # a look whether this port speaks TLS
                line.close()
                continue
            # A CONNECT begins with its kind, its length (one byte here) and the name of the protocol.
            level = asked[8]
            self.levels.append(level)
            if len(self.levels) <= self._hang_ups:
                line.close()
            else:
                line.sendall(CONNACK[level])
                self._lines.append(line)

    def close(self) -> None:
        self._listener.close()
        for line in self._lines:
            line.close()


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[MoodyBroker]:
    made = MoodyBroker(request.param)
    yield made
    made.close()


class Polled:
    """A client, and what it told."""

    def __init__(self, port: int, levels: tuple[int, ...] = (5, 4)):
        settings = ClientSettings("polled", 1000, pauses_s=(1, 1))
        self.client = MqttClient(Broker("127.0.0.1", port, levels), settings, lambda *told: told, lambda: None)
        self.client.start(0)
        self.told: list[object] = []

    def turn(self) -> bool:
        """Whether it is connected."""
        self.told += self.client.poll(time.monotonic_ns() // 1_000_000)
        return self.client.up


@pytest.mark.parametrize("broker", [1, 2, 3], indirect=True)
def test_hanging_up_by_chance_keeps_no_client_in_one_level(broker: MoodyBroker) -> None:
    polled = Polled(broker.port)
    try:
        wait_until(polled.turn, lambda: [*polled.told])
        hang_ups = len(broker.levels) - 1
        assert broker.levels == [5, 4, 5, 4][: hang_ups + 1]
        told = [item for item in polled.told if not isinstance(item, Said)]
        assert [type(item) for item in told] == [Down] * hang_ups + [Up]
        assert polled.client.connections == 1
    finally:
        polled.client.stop()


@pytest.mark.parametrize("broker", [1], indirect=True)
def test_only_the_levels_that_are_asked_for_are_tried(broker: MoodyBroker) -> None:
    polled = Polled(broker.port, (4,))
    try:
        wait_until(polled.turn, lambda: [*polled.told])
        assert broker.levels == [4, 4]
        assert polled.told[0] == Down("hung up (MQTT 3.1.1)", other_level=True)
    finally:
        polled.client.stop()


@pytest.mark.parametrize("broker", [0], indirect=True)
def test_what_cannot_be_published_is_said_and_no_error(broker: MoodyBroker) -> None:
    polled = Polled(broker.port)
    assert polled.client.publish("a/topic", b"x") is False, "there is no connection"
    try:
        wait_until(polled.turn, lambda: [*polled.told])
        room = polled.client.room
        assert polled.client.publish("a/+/b", b"x") is False, "nobody can listen there"
        assert polled.client.publish("a/topic", b"x") is True
        assert polled.client.room == room - 1
    finally:
        polled.client.stop()


def test_the_inbox_is_bounded_in_arrivals_and_loses_nothing_else() -> None:
    inbox: Inbox[int] = Inbox()
    for number in range(ARRIVALS_QUEUED_MAX + 7):
        inbox.put(1, Arrival(number))
    inbox.put(1, Down("lost"))
    taken = [event for _generation, event in inbox.take()]
    assert taken == [*(Arrival(number) for number in range(ARRIVALS_QUEUED_MAX)), Down("lost")]
    assert inbox.dropped == 7
    inbox.put(1, Arrival(0))
    assert len(inbox.take()) == 1


@pytest.mark.parametrize("broker", [0], indirect=True)
def test_what_is_written_leaves_at_once(broker: MoodyBroker) -> None:
    """A small packet that waits until the broker's machine confirms the one before waits for 40 ms."""
    polled = Polled(broker.port)
    try:
        wait_until(polled.turn, lambda: [*polled.told])
        line = polled.client._line
        assert line is not None
        connection = line._client.socket()
        assert isinstance(connection, socket.socket)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        polled.client.stop()


@pytest.mark.parametrize(
    ("broker", "told", "most"), [(0, None, 1 << 20), (0, 5000, 5000 - 128 - 16)], indirect=["broker"]
)
def test_a_brokers_size_limit_bounds_what_is_put_together(broker: MoodyBroker, told: int | None, most: int) -> None:
    polled = Polled(broker.port)
    try:
        wait_until(polled.turn, lambda: [*polled.told])
        assert polled.client._line is not None
        polled.client._line.packet_bytes_max = told
        assert polled.client.payload_bytes_max == most
    finally:
        polled.client.stop()
