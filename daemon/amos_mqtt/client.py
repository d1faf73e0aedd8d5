"""The client of courier, ledger and operator: MQTT 5 where the broker speaks it, else 3.1.1.

Contract: at least once, nothing more. An acknowledgement of the broker says nothing about durability, so it only frees
a place in flight. Messages may be lost, doubled, late or forged. A `Line` is one connection, with a thread of its own
that only puts events into a bounded queue; `poll` hands them to the loop of whoever uses the client, and everything
else is called on that loop's thread. Connecting is tried for ever with growing pauses. Nothing raises for what broker
or network do.

Which level a broker speaks is found out by trying: a handshake that is refused for it, broken off or not answered is
followed by one in the next level, at once until each was tried. So neither a broker that waits for the rest of a
CONNECT in MQTT 5 (amqtt does) nor one that hung up by chance keeps the client in one level for good. Only a connection
on which something came about, or that lasted, makes the pauses short again.
"""

import random
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from amos_mqtt import causes
from amos_mqtt.back_off import back_off_ms
from amos_mqtt.broker import LEVEL_NAMES, Broker
from amos_mqtt.decided import Decided
from amos_mqtt.faults import Fault
from amos_mqtt.happenings import (
    Acknowledged,
    Arrival,
    Denied,
    Down,
    Event,
    Granted,
    Happening,
    Inbox,
    Opened,
    Said,
    Subscribed,
    Up,
)
from amos_mqtt.limits import CONNACK_WAIT_MS, INFLIGHT_MAX, OUTGOING_QUEUED_MAX, SENDS_MAX, SHORT_LIVED_MAX, STEADY_MS
from amos_mqtt.line import Line
from amos_mqtt.settings import ClientSettings
from amos_mqtt.teller import Teller

T = TypeVar("T")

_REFUSAL = 128
_NOT_AUTHORISED = 135
_NOBODY_SUBSCRIBES = 16
_TOPICS_CACHED_MAX = 16_384
"""Of a fleet: a few hundred bytes each."""
_HEADER_BYTES_MAX = 16
"""Of a PUBLISH without properties, beside topic and payload."""
_TOPIC_BYTES_MAX = 128
"""Of ours: a site's name of 64 and a device's of 32."""
_PAYLOAD_BYTES_MAX = 1 << 20
"""What a broker that says nothing is believed to take."""


@dataclass
class _Outgoing:
    """A message that the broker has not acknowledged; `sends` counts lines on which it was, and nothing came of it."""

    topic: str
    payload: bytes
    retain: bool
    sends: int = 0


class MqttClient(Generic[T]):
    """Construct, `start`, then `poll` until done, then `stop`.

    `read(topic, payload)` runs on the line's thread and makes of a message what is worth a place in the queue, or None.
    `wake` is called there when `poll` has something to do.

    up            bool, connected as far as `poll` has told
    connections   int, how often it has connected: a broker may have lost what it retained
    unheard       set of str, topics (any device's as +) of which a broker of MQTT 5 said that nobody subscribes to them
    """

    def __init__(
        self,
        broker: Broker,
        settings: ClientSettings,
        read: Callable[[str, bytes], T | None],
        wake: Callable[[], None],
    ):
        self.broker = broker
        self.up = False
        self.connections = 0
        self.unheard: set[str] = set()
        self._settings = settings
        self._read = read
        self._wake = wake
        self._inbox: Inbox[T] = Inbox()
        self._decided = Decided()
        self._teller = Teller(broker.name)
        self._line: Line[T] | None = None
        self._number = 0
        self._level_index = 0
        self._tried = 0
        self._attempt = 0
        self._short_lived = 0
        self._start_ms: int | None = None
        self._opened_ms: int | None = None
        self._up_ms = 0
        self._useful = False
        self._sent: OrderedDict[int, _Outgoing] = OrderedDict()
        self._queued: deque[_Outgoing] = deque()  # beyond what the broker takes at once
        self._subscriptions: dict[int, list[str]] = {}
        self._told: list[Happening[T]] = []

    @property
    def dropped(self) -> int:
        """Messages that found the queue full or were not worth a place in it."""
        return self._inbox.dropped

    @property
    def faults(self) -> list[Fault]:
        """What is wrong between us and the broker, the oldest first."""
        return self._teller.present()

    @property
    def waiting(self) -> int:
        """Messages that came and were not polled yet."""
        return self._inbox.arrivals

    def start(self, now_ms: int) -> None:
        """Connect, and keep trying for ever."""
        self._start_ms = now_ms

    def stop(self, farewell: bytes = b"", wait_s: float = 0.0) -> None:
        """Publish the last status in place of the will, wait at most so long for what is queued, and hang up.

        What is not acknowledged stays with the broker.
        """
        line, self._line = self._line, None
        self._start_ms = self._opened_ms = None
        if line is None:
            return
        if self.up:
            will = self._settings.will
            packet_id = line.publish(will[0], farewell, True) if will else None
            self._settle({packet_id} if packet_id is not None else set(), 1.0 if will else 0.0)
            self._settle(set(self._sent), wait_s)
        line.close()
        if self.up:
            line.join(max(wait_s, 1.0))
        self.up = False

    def poll(self, now_ms: int) -> "list[Happening[T]]":
        """What happened since the last call; connects, and changes the protocol level where a handshake fails."""
        for number, event in self._inbox.take():
            if number == self._number:
                self._digest(event, now_ms)
        if self._opened_ms is not None and now_ms - self._opened_ms >= CONNACK_WAIT_MS[self._level]:
            self._went_down(Down(causes.NO_ANSWER, other_level=True), now_ms)
        if self.up and now_ms - self._up_ms >= STEADY_MS:
            self._proved_useful(now_ms)
        self._say(self._teller.look(now_ms))
        if self._start_ms is not None and now_ms >= self._start_ms:
            self._start_ms = None
            self._connect()
        told, self._told = self._told, []
        return told

    def next_due_ms(self) -> int | None:
        """When `poll` has something to do even if nothing happens."""
        if self._opened_ms is not None:
            return self._opened_ms + CONNACK_WAIT_MS[self._level]
        return self._start_ms

    @property
    def room(self) -> int:
        """How many messages may be given to `publish` before the broker acknowledges one."""
        if self._line is None or not self.up:
            return 0
        return max(self._line.inflight_max - len(self._sent) - len(self._queued), 0)

    @property
    def payload_bytes_max(self) -> int:
        """Of one message, as far as the broker has told."""
        told = None if self._line is None else self._line.packet_bytes_max
        return _PAYLOAD_BYTES_MAX if told is None else told - _TOPIC_BYTES_MAX - _HEADER_BYTES_MAX

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Give a message to the broker; False when it cannot be. It may get lost: whoever needs it there asks again."""
        return self._publish(_Outgoing(topic, payload, retain))

    def subscribe(self, names: list[str]) -> None:
        """Subscribe; again after every `Up`, since the broker may have lost the session."""
        if self._line is not None and self.up and names:
            packet_id = self._line.subscribe(names)
            if packet_id is not None:
                self._subscriptions[packet_id] = names

    def acknowledge(self, arrival: Arrival[Any]) -> None:
        """The message is durably decided: let the broker forget it. One of an earlier line, whose packet id may be
        another's, is acknowledged when the broker delivers it again."""
        if arrival.qos:
            self._decided.add(arrival.fingerprint)
            if self._line is not None and arrival.connection == self._number:
                self._line.acknowledge(arrival.packet_id, arrival.qos)

    @property
    def _level(self) -> int:
        return self.broker.levels[self._level_index]

    def _publish(self, outgoing: _Outgoing) -> bool:
        if self._line is None or not self.up:
            return False
        size, size_max = len(outgoing.payload), self._line.packet_bytes_max
        if size_max is not None and len(outgoing.topic.encode()) + size + _HEADER_BYTES_MAX > size_max:
            pattern = _pattern(outgoing.topic)
            about = f"takes messages of at most {size_max} bytes, and one for {pattern} has {size}; raise its limit"
            self._denied(f"messages of such a size for {pattern}", about, time.monotonic_ns() // 1_000_000)
            return False
        if self._line.inflight_max < INFLIGHT_MAX and len(self._sent) >= self._line.inflight_max:
            if len(self._queued) >= OUTGOING_QUEUED_MAX:
                return False
            self._queued.append(outgoing)
            return True
        packet_id = self._line.publish(outgoing.topic, outgoing.payload, outgoing.retain)
        if packet_id is None:
            return False
        self._sent[packet_id] = outgoing
        return True

    def _digest(self, event: "Event[T]", now_ms: int) -> None:
        if isinstance(event, Opened):
            self._opened_ms = now_ms
        elif isinstance(event, Acknowledged):
            self._acknowledged(event, now_ms)
        elif isinstance(event, Subscribed):
            names = self._subscriptions.pop(event.packet_id, [])
            granted = tuple(name for name, code in zip(names, event.codes, strict=False) if code < _REFUSAL)
            for name, code in zip(names, event.codes, strict=False):
                if code >= _REFUSAL:
                    self._refused(f"subscribing to {_pattern(name)}", code, now_ms)
                else:
                    self._say(self._teller.permitted(f"subscribing to {_pattern(name)}", now_ms))
            self._told.append(Granted(granted))
        elif isinstance(event, Up):
            self._went_up(event, now_ms)
        elif isinstance(event, Down):
            self._went_down(event, now_ms)
        else:
            self._proved_useful(now_ms)
            self._told.append(event)

    def _acknowledged(self, event: Acknowledged, now_ms: int) -> None:
        outgoing = self._sent.pop(event.packet_id, None)
        if self._queued:
            self._publish(self._queued.popleft())
        if event.code < _REFUSAL:
            self._proved_useful(now_ms)
            if outgoing is not None:
                self._taken(outgoing, event.code, now_ms)
        elif outgoing is not None:
            self._refused(f"publishing {_pattern(outgoing.topic)}", event.code, now_ms)

    def _taken(self, outgoing: _Outgoing, code: int, now_ms: int) -> None:
        pattern = _pattern(outgoing.topic)
        if code == _NOBODY_SUBSCRIBES:
            self.unheard.add(pattern)
        else:
            self.unheard.discard(pattern)
        self._say(self._teller.permitted(f"publishing {pattern}", now_ms))

    def _refused(self, doing: str, code: int, now_ms: int) -> None:
        if code in (_REFUSAL, _NOT_AUTHORISED):  # 3.1.1 knows only the former
            self._denied(doing, f"does not permit {doing}; check its access rules", now_ms)
        else:
            self._denied(doing, f"{causes.of_code(code, self._settings.client_id)} ({doing})", now_ms)

    def _went_up(self, event: Up, now_ms: int) -> None:
        self._opened_ms, self.up, self._up_ms = None, True, now_ms
        self._tried, self._useful = 0, False
        self.connections += 1
        self._told.append(event)
        self._say(self._teller.up(LEVEL_NAMES[event.level], now_ms))
        unsent = [*self._sent.values(), *self._queued]
        self._sent.clear()
        self._queued.clear()
        for outgoing in unsent:
            if outgoing.sends < SENDS_MAX:
                self._publish(outgoing)
        fatal = [outgoing for outgoing in unsent if outgoing.sends >= SENDS_MAX]
        if fatal:
            largest = max(fatal, key=lambda outgoing: len(outgoing.payload))
            size, where = len(largest.payload), _pattern(largest.topic)
            about = f"broke off {SENDS_MAX} times at a message of {size} bytes for {where}"
            about += "; its size limit may be smaller, or its access rules forbid it"
            self._denied(f"a message of {size} bytes for {where}", about, now_ms)

    def _went_down(self, event: Down, now_ms: int) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
        self._number += 1  # what is left of that line is of no use
        self._opened_ms, self.up = None, False
        self._subscriptions.clear()
        reason, wait = event.reason, True
        if event.accepted:
            self._count_loss(event, now_ms)
            reason = self._reason_of_loss(event)
        elif event.other_level:
            reason = f"{reason} ({LEVEL_NAMES[self._level]})"
            self._level_index = (self._level_index + 1) % len(self.broker.levels)
            self._tried = (self._tried + 1) % len(self.broker.levels)
            wait = self._tried == 0
        self._told.append(Down(reason, event.accepted, event.other_level, event.code))
        self._start_ms = now_ms
        if wait:
            self._tried = 0
            self._attempt += 1
            first_s, longest_s = self._settings.pauses_s
            self._start_ms += back_off_ms((first_s * 1000, longest_s * 1000), self._attempt, random.randint(0, 1000))
            self._say(self._teller.down(reason, now_ms, event.code == causes.TAKEN_OVER))

    def _count_loss(self, event: Down, now_ms: int) -> None:
        """What it tells of the next connections: how soon to try, and what the broker may close upon."""
        if not self._useful:
            for outgoing in self._sent.values():
                outgoing.sends += 1
        elif event.code != causes.TAKEN_OVER:
            self._attempt = 0
        self._short_lived = self._short_lived + 1 if now_ms - self._up_ms < STEADY_MS else 0

    def _reason_of_loss(self, event: Down) -> str:
        """What the broker does not say: that another client takes this one's place, or what it closes upon."""
        if event.code or self._short_lived < SHORT_LIVED_MAX:
            return event.reason
        largest = max((len(outgoing.payload) for outgoing in self._sent.values()), default=0)
        return (
            "breaks off each connection soon after it accepted it; another client may have the same client id"
            f" {self._settings.client_id}, or its access rules forbid something of ours, or its size limit does not"
            f" permit a message of {largest} bytes"
        )

    def _proved_useful(self, now_ms: int) -> None:
        if not self._useful:  # else that was told since it went up
            self._useful = True
            self._say(self._teller.useful(now_ms))

    def _denied(self, what: str, reason: str, now_ms: int) -> None:
        self._told.append(Denied(reason))
        self._say(self._teller.denied(what, reason, now_ms))

    def _say(self, sentences: list[str]) -> None:
        if sentences:
            self._told += [Said(sentence) for sentence in sentences]

    def _connect(self) -> None:
        number = self._number = self._number + 1

        def put(event: "Event[T]") -> bool:
            taken = self._inbox.put(number, event)
            self._wake()
            return taken

        def read(topic: str, payload: bytes) -> T | None:
            made = self._read(topic, payload)
            if made is None:
                self._inbox.drop()
            return made

        last_try = self._tried == len(self.broker.levels) - 1
        self._line = Line(self.broker, self._settings, self._level, number, put, read, self._decided, last_try)
        self._line.start()

    def _settle(self, packet_ids: set[int], wait_s: float) -> None:
        """Wait at most so long until the broker has these messages."""
        end = time.monotonic() + wait_s
        while packet_ids and time.monotonic() < end:
            for number, event in self._inbox.take():
                if number == self._number and isinstance(event, Down):
                    return
                if number == self._number and isinstance(event, Acknowledged):
                    packet_ids.discard(event.packet_id)
            time.sleep(0.01)


@lru_cache(_TOPICS_CACHED_MAX)
def _pattern(topic: str) -> str:
    """The topic for any device: a sentence for each of ten thousand would be none."""
    return re.sub(r"/[0-9a-f]{32}/", "/+/", topic)
