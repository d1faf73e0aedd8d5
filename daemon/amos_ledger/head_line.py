"""A connection to the broker for tree heads alone, before anything is signed.

It has no session, so nothing stands before what the broker retains: in a lasting one that would come behind all usage
that waits there. Contract: `told` is true when the broker has answered the same question twice, and what it sends with
its first answer had time to come. Nothing raises for what broker or network do.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence

from amos.protocol.ledger_limits import RECEIPTED_BYTES_MAX
from amos.protocol.topics import CHECKPOINT, shows_head
from amos_mqtt.broker import Broker
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Denied, Down, Granted, Said, Up
from amos_mqtt.settings import ClientSettings

ANSWERS = 2
"""Brokers may send what they retain after they answered; the second question they answer after that."""

QUIET_S = 0.2
"""After the last answer, for a broker that does several things at once."""

AGAIN_S = 10.0
"""Until one that refused to answer is asked again."""


class HeadLine:
    """`start`, then `poll` until `told`, then `stop`. All on one thread.

    reached   whether there ever was a connection
    told      whether the broker has sent what it retains, on the connection of this moment, and `poll` gave all of it
    """

    def __init__(
        self,
        broker: Broker,
        topics: Sequence[str],
        report: Callable[[str], None] = lambda sentence: None,
        pauses_s: tuple[int, int] = (1, 2),
    ) -> None:
        self.reached = self.told = False
        self._topics = list(topics)
        self._report = report
        self._name = broker.name
        self._woken = threading.Event()
        settings = ClientSettings(f"amos-heads-{secrets.token_hex(6)}", RECEIPTED_BYTES_MAX, pauses_s=pauses_s)
        self._client: MqttClient[bytes] = MqttClient(broker, settings, _shown, self._woken.set)
        self._denials: set[str] = set()
        self._answers = 0
        self._asked_s = self._answered_s = 0.0

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._client.start(_clock_ms())

    def stop(self) -> None:
        """Leave; what was published is sent as far as it goes."""
        self._client.stop(wait_s=1.0)

    def publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        """Give a message to the broker; False when it cannot be."""
        return self._client.publish(topic, payload, retain)

    def ask(self) -> None:
        """Have the broker send what it retains, from the beginning."""
        self._answers, self._asked_s, self.told = 0, time.monotonic(), False
        self._client.subscribe(self._topics)

    def poll(self, wait_s: float) -> list[bytes]:
        """The payloads of what came; waits at most so long for something."""
        self._woken.wait(wait_s)
        self._woken.clear()
        came, begun_s = [], time.monotonic()
        for happening in self._client.poll(_clock_ms()):
            if isinstance(happening, Arrival):
                came.append(happening.message)
            elif isinstance(happening, Up):
                self.reached = True
                self.ask()
            elif isinstance(happening, Down):
                self._answers = 0
            elif isinstance(happening, Granted) and CHECKPOINT in happening.names:
                self._answered()
            elif isinstance(happening, Denied):
                self._say_denied(happening.reason)
            elif isinstance(happening, Said) and not self._client.up:
                self._report(happening.sentence)
        if self._client.up and self._answers < ANSWERS and time.monotonic() - self._asked_s >= AGAIN_S:
            self.ask()
        self.told = self._answers >= ANSWERS and begun_s - self._answered_s >= QUIET_S
        return came

    def _answered(self) -> None:
        self._answers += 1
        self._answered_s = time.monotonic()
        if self._answers < ANSWERS:
            self._client.subscribe(self._topics)

    def _say_denied(self, reason: str) -> None:
        sentence = f"broker {self._name} {reason}"
        if f" {CHECKPOINT};" in sentence:
            sentence += "; until it permits that, nothing is signed"
        if sentence not in self._denials:
            self._denials.add(sentence)
            self._report(sentence)


def _shown(topic: str, payload: bytes) -> bytes | None:
    return payload if shows_head(topic) and len(payload) <= RECEIPTED_BYTES_MAX else None


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000
