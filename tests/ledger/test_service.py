"""The service over real brokers: mosquitto in MQTT 5, amqtt in 3.1.1."""

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until

from amos.protocol import answer
from amos.protocol.answer import decode_answer
from amos.protocol.envelope_host import wrap
from amos.protocol.several_host import holds_several, join_several, split_several
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.mqtt import MqttEdge
from amos_ledger.service import Service
from amos_mqtt.broker import Broker as Address
from amos_mqtt.limits import ARRIVALS_QUEUED_MAX
from amos_mqtt.line import Line


@pytest.fixture
def kind() -> str:
    """What a broker does, the store does not see: one database is enough."""
    return "sqlite"


class Courier:
    """A client that publishes usage and keeps the answers; it may publish once `subscriptions` says so, and again after
    each time the broker went away: an answer that comes before its subscription is lost."""

    def __init__(self, port: int) -> None:
        self.answers: list[Any] = []
        self.together = 0  # messages with several answers
        self.subscriptions = 0
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "courier", protocol=paho.MQTTv311, clean_session=False)
        self.client.on_message = self._on_message
        self.client.on_connect = lambda client, *_: client.subscribe("amos/1/+/+/receipt", 1)
        self.client.on_subscribe = self._on_subscribe
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _on_subscribe(self, *_: object) -> None:
        self.subscriptions += 1

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.endswith("/receipt"):  # amqtt brings what is retained elsewhere, too
            several = holds_several(message.payload)
            self.together += several
            self.answers += map(decode_answer, split_several(message.payload) if several else [message.payload])

    def send(self, device: Any, *segments: bytes) -> None:
        for segment in segments:
            message = device.message(segment)
            self.client.publish(message.topic, message.payload, 1)

    def receipted(self) -> set[int]:
        return {item.sequence for item in self.answers if item.receipt}

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Running:
    """A service in a thread, and what it reports."""

    def __init__(self, world: Any, port: int) -> None:
        self.lines: list[str] = []
        self.stop = threading.Event()
        self.edge = MqttEdge(Address("127.0.0.1", port), "amos-ledger-test", self.lines.append, (1, 1))
        self.service = Service(Ledger(world.folder), self.edge, self.lines.append, self.stop)
        self.thread = threading.Thread(target=self.service.run)
        self.thread.start()

    def close(self) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def running(world: Any, broker: Any) -> Iterator[Running]:
    service = Running(world, broker.port)
    wait_until(service.edge.connected.is_set, "the service's connection")
    yield service
    service.close()


@pytest.fixture
def courier(broker: Any, running: Running) -> Iterator[Courier]:
    client = Courier(broker.port)
    wait_until(lambda: client.subscriptions, "the courier's subscription")
    yield client
    client.close()


def test_usage_goes_in_receipts_come_out_and_garbage_disturbs_nobody(
    world: Any, running: Running, courier: Courier, make_pack: Callable[..., Any]
) -> None:
    device = world.device()  # enrolled while the service runs
    segments = [device.seal() for _ in range(60)]
    for topic in ("amos/1/x/y/usage", device.topic(), "amos/1/harbour/courier/usage"):
        for payload in (b"", b"\x00", os.urandom(2000), b"\x01" + os.urandom(500)):
            courier.client.publish(topic, payload, 1)
    courier.send(device, *segments[30:], *segments[:30])
    wait_until(lambda: len(courier.receipted()) == 60, "60 receipts")
    for item in courier.answers:
        if item.receipt:
            world.check_receipt(segments[item.sequence - 1], item.receipt)
    before = len(courier.answers)
    courier.send(device, segments[0])
    # Refusals of what is no segment may come as late.
    wait_until(lambda: any(item.sequence == 1 for item in courier.answers[before:]), "the answer to a resend")
    assert [item.verdict for item in courier.answers[before:] if item.sequence == 1] == [answer.DUPLICATE]

    late = make_pack(world.publisher, 2)
    device.pack, device.frame = late.id, 0
    waiting = device.seal(session=2)
    courier.send(device, waiting)
    wait_until(lambda: courier.answers[-1].verdict == answer.UNKNOWN_PACK, "a segment held for its pack")
    world.publish(late)
    wait_until(lambda: 61 in courier.receipted(), "the receipt of the held segment")

    totals = world.totals()
    assert (totals.accepted, totals.duplicates, totals.held) == (61, 1, 0)
    assert totals.refused == {"malformed": 12}
    running.close()
    assert sum("connected" in line for line in running.lines) == 1
    refusals = [line for line in running.lines if line.startswith("not taken, ")]
    device_id = device.key.id.hex()
    assert any(f"{device_id} at harbour, sequence 61: unknown pack" in line for line in refusals), refusals
    assert any("a message that names no device: malformed" in line for line in refusals)
    assert len(running.lines) - len(refusals) <= 6, running.lines  # a line for each class of event, not each message


def test_segments_that_come_together_are_taken_once_each_and_answered_together(
    world: Any, running: Running, courier: Courier
) -> None:
    """Also where they come in another order, twice, and with one among them that is none."""
    device = world.device()
    segments = [device.seal() for _ in range(9)]
    envelopes = [wrap(segment) for segment in segments]
    for part in (envelopes[3:6], [*envelopes[:3], b"\x00none"], envelopes[:6], envelopes[6:]):
        [message] = join_several(part)
        courier.client.publish(device.topic(), message, 1)
    wait_until(lambda: courier.receipted() == set(range(1, 10)) and len(courier.answers) >= 16, "receipts for all")
    for item in courier.answers:
        if item.receipt:
            world.check_receipt(segments[item.sequence - 1], item.receipt)
    totals = world.totals()
    assert (totals.accepted, totals.held, totals.refused) == (9, 0, {"malformed": 1})
    assert courier.together >= 1


def test_a_broker_that_goes_away_is_said_once_and_found_again(world: Any, broker: Any) -> None:
    broker.stop()
    service = Running(world, broker.port)
    try:
        wait_until(lambda: service.lines, "a line that the broker is away")
        broker.start()
        wait_until(service.edge.connected.is_set, "the connection")
        courier = Courier(broker.port)
        wait_until(lambda: courier.subscriptions == 1, "the courier's subscription")
        device = world.device()
        courier.send(device, device.seal())
        wait_until(lambda: courier.receipted() == {1}, "a receipt")
        broker.stop()
        wait_until(lambda: len(service.lines) >= 3, "a line that the broker is lost")
        broker.start()
        wait_until(service.edge.connected.is_set, "the connection again")
        wait_until(lambda: courier.subscriptions == 2, "the courier's subscription again")
        courier.send(device, device.seal())
        wait_until(lambda: courier.receipted() == {1, 2}, "another receipt")
        courier.close()
    finally:
        service.close()
    connection = [line for line in service.lines if line.startswith("broker")]
    assert [("connected" in line) for line in connection] == [False, True, False, True], connection


def line_of(edge: MqttEdge, number: int = 0) -> Any:
    """One of the edge's lines, which is not connected."""
    client: Any = edge._client
    client._number = number - 1
    started = Line.start
    try:
        Line.start = lambda self: None  # type: ignore[method-assign]
        client._connect()
    finally:
        Line.start = started  # type: ignore[method-assign]
    return client._line


def test_a_flood_is_bounded_in_messages_and_bytes() -> None:
    edge = MqttEdge(Address("127.0.0.1", 1), "flooded", lambda line: None)
    flood = paho.MQTTMessage(mid=1, topic=b"amos/1/" + b"x" * 60_000 + b"/y/usage")
    flood.payload = bytes(1 << 17)
    line = line_of(edge)
    for _ in range(ARRIVALS_QUEUED_MAX + 500):
        line._on_message(None, None, flood)
    batch = edge.next_batch(2 * ARRIVALS_QUEUED_MAX, 0)
    assert (len(batch), edge.take_dropped(), edge.take_dropped()) == (ARRIVALS_QUEUED_MAX, 500, 0)
    arrival = batch[0]
    assert len(arrival.message.payload) + len(arrival.message.topic) < 17 * 1024
    assert arrival.message.size == 1 << 17
    assert arrival.message.sha256 == Message.of("", flood.payload).sha256


def test_a_message_of_an_earlier_connection_is_acknowledged_when_it_comes_again_and_not_decided_again() -> None:
    edge = MqttEdge(Address("127.0.0.1", 1), "again", lambda line: None)
    acknowledged: list[tuple[int, int]] = []

    def arrives(number: int, mid: int, dup: bool) -> list[Any]:
        line = line_of(edge, number)
        line._client.ack = lambda mid, qos: acknowledged.append((number, mid))
        message = paho.MQTTMessage(mid=mid, topic=b"t")
        message.payload, message.qos, message.dup = b"usage", 1, dup
        line._on_message(None, None, message)
        return edge.next_batch(2, 0)

    (first,) = arrives(1, 7, False)
    assert arrives(2, 8, True) != [] and acknowledged == [], "it was not decided yet"
    edge.acknowledge(first)
    assert acknowledged == [], "packet id 7 may be another message's by now"
    assert arrives(3, 9, True) == [] and acknowledged == [(3, 9)]
    (resent,) = arrives(4, 10, False)
    assert acknowledged == [(3, 9)], "what its courier sends again is answered again"
    edge.acknowledge(resent)
    assert acknowledged == [(3, 9), (4, 10)]


def test_an_answer_nobody_can_listen_for_is_no_error() -> None:
    edge = MqttEdge(Address("127.0.0.1", 1), "wild", lambda line: None)
    assert edge.publish("amos/1/+/x/receipt", b"x") is False
    assert edge.publish("amos/1/site/x/receipt", b"x") is True  # waits for the connection


def test_trouble_is_said_once_and_its_end_once(world: Any) -> None:
    lines: list[str] = []
    ledger = Ledger(world.folder)
    service = Service(ledger, MqttEdge(Address("127.0.0.1", 1), "x", lines.append), lines.append, threading.Event())
    database = world.path / "ledger.sqlite"
    away = world.path / "away.sqlite"
    database.rename(away)
    for _ in range(3):
        ledger.tick()
        service._say()
    away.rename(database)
    for _ in range(3):
        ledger.tick()
        service._say()
    ledger.close()
    assert len(lines) == 2
    assert lines[0].startswith("cannot store: ") and lines[0].endswith("; couriers hold")
    assert lines[1] == "stores again"
