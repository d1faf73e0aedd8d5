"""The ledger at a broker whose connections do not last: it gets on with each of them, and decides little twice."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from mosquitto_process import mosquitto_with
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until
from scripted_broker import PUBACK, PUBLISH, SUBSCRIBE, Conversation, ScriptedBroker

from amos_ledger.ledger import Ledger
from amos_ledger.mqtt import MqttEdge
from amos_ledger.service import Service
from amos_mqtt.broker import Broker as Address


@pytest.fixture
def kind() -> str:
    """What a broker does, the store does not see: one database is enough."""
    return "sqlite"


SEGMENTS = 60


class Relay:
    """A way to the broker that is cut so many seconds after each connection began."""

    def __init__(self, port: int, seconds: float) -> None:
        self.connections = 0
        self._to, self._seconds = port, seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # the broker has ended
                near.close()
                continue
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()
            cut = threading.Timer(self._seconds, self._cut, (near, far))
            cut.daemon = True
            cut.start()

    def _cut(self, *ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        self._cut(source, sink)


class SlowLedger(Ledger):
    """Stores as a slow card does: a batch takes longer than a connection lives."""

    seconds = 0.0

    def take(self, messages: Any, received_unix_s: int) -> Any:
        time.sleep(self.seconds)
        return super().take(messages, received_unix_s)


class Running:
    """The service in a thread."""

    def __init__(self, world: Any, port: int, levels: tuple[int, ...], seconds: float) -> None:
        self.lines: list[str] = []
        self.stop = threading.Event()
        edge = MqttEdge(Address("127.0.0.1", port, levels), "amos-ledger-test", self.lines.append, (1, 1))
        ledger = SlowLedger(world.folder)
        ledger.seconds = seconds
        self.thread = threading.Thread(target=Service(ledger, edge, self.lines.append, self.stop).run)
        self.thread.start()

    def close(self) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def serve(world: Any) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(port: int, levels: tuple[int, ...], seconds: float) -> Running:
        made.append(Running(world, port, levels, seconds))
        return made[-1]

    yield start
    for running in made:
        running.close()


@pytest.mark.parametrize("levels", [(5,), (4,)])
@pytest.mark.parametrize("seconds", [0.0, 0.7])
def test_a_broker_that_is_cut_off_each_half_second(
    levels: tuple[int, ...], seconds: float, world: Any, serve: Any, mosquitto: list[str], tmp_path: Path
) -> None:
    """Nobody sends anything again here: each segment that counts twice was delivered twice, and decided twice."""
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\nmax_queued_messages 0\n") as port:
        relay = Relay(port, 0.5)
        running = serve(relay.port, levels, seconds)
        wait_until(lambda: any("connected" in line for line in running.lines), "the ledger's connection")
        courier = paho.Client(CallbackAPIVersion.VERSION2, "courier")
        courier.connect("127.0.0.1", port)
        courier.loop_start()
        time.sleep(0.3)  # for the ledger's subscription, which a lasting session keeps from then on
        device, before = world.device(), relay.connections
        for _ in range(SEGMENTS):
            message = device.message(device.seal())
            courier.publish(message.topic, message.payload, 1)
        wait_until(lambda: world.totals().accepted == SEGMENTS, lambda: f"{world.totals().accepted} accepted")
        running.close()
        relay.close()
        courier.disconnect()
        courier.loop_stop()
    totals = world.totals()
    # All may be in flight at the first cut, and come once more; were none remembered, they would at each cut.
    assert totals.duplicates <= SEGMENTS, totals
    assert relay.connections - before <= 3 + SEGMENTS // 5
    assert len(running.lines) <= 12, running.lines


def retains_nothing(talk: Conversation) -> None:
    """What the ledger asks first is answered, and what it shows is taken."""
    talk.accept()
    while True:
        kind, body = talk.packet()
        if kind == SUBSCRIBE:
            talk.send(0x90, body[:2] + (b"\0" if talk.level == 5 else b"") + b"\1\1\1\1")
        elif kind & 0xF0 == PUBLISH:
            size = int.from_bytes(body[:2], "big")
            talk.puback(int.from_bytes(body[2 + size : 4 + size], "big"))


@pytest.mark.parametrize("level", [5, 4])
def test_a_broker_that_hangs_up_after_three_messages(
    world: Any, serve: Callable[..., Running], level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It delivers what was not acknowledged again, as a broker has to, and hangs up before it reads what comes back."""
    monkeypatch.setattr("amos_mqtt.client.back_off_ms", lambda *_: 20)
    device = world.device()
    waiting = [device.message(device.seal()) for _ in range(30)]
    delivered: set[int] = set()
    acknowledged: set[int] = set()
    counts: list[int] = []

    def script(talk: Conversation) -> None:
        if talk.for_heads:
            return retains_nothing(talk)
        talk.accept(resumed=bool(counts))
        while True:
            kind, body = talk.packet()
            if kind == SUBSCRIBE:
                talk.send(0x90, body[:2] + (b"\0" if level == 5 else b"") + b"\1\1\1")
                break
        left = [number for number in range(30) if number not in acknowledged][:3]
        for number in left:
            talk.deliver(waiting[number].topic, waiting[number].payload, number + 1, number in delivered)
            delivered.add(number)
        counts.append(len(left))
        open_, end = set(left), time.monotonic() + 0.3
        while open_ and left and time.monotonic() < end:
            kind, body = talk.packet()
            if kind == PUBACK:
                number = int.from_bytes(body[:2], "big") - 1
                open_.discard(number)
                # Of the first time it hears nothing: it was gone by then.
                if len(counts) % 2 == 0:
                    acknowledged.add(number)
            elif kind & 0xF0 == PUBLISH:
                size = int.from_bytes(body[:2], "big")
                talk.puback(int.from_bytes(body[2 + size : 4 + size], "big"))
        if not left:
            talk.stay()

    with ScriptedBroker(script) as broker:
        serve(broker.port, (level,), 0.0)
        wait_until(lambda: len(acknowledged) == 30, lambda: (sorted(acknowledged), counts))
        totals = world.totals()
        assert totals.accepted == 30
        assert totals.duplicates <= 3, "what came again was acknowledged, and not decided again"
        assert len(counts) <= 22, "three in every other connection"
