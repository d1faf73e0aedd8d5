"""What a client tells the loop that polls it, and the bounded queue between its thread and that loop."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from amos_mqtt.limits import ARRIVALS_QUEUED_MAX

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Up:
    """Connected at this protocol level; `resumed`: the broker has kept the session, and what waits in it."""

    level: int
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Down:
    """Not connected; `reason` goes on from "the broker".

    accepted     whether it had been connected
    other_level  whether another level of the protocol may do better
    code         the broker's own reason code, 0: it gave none
    """

    reason: str
    accepted: bool = False
    other_level: bool = False
    code: int = 0


@dataclass(frozen=True, slots=True)
class Denied:
    """The broker does not take something of ours; `reason` goes on from "the broker"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence for the operator about the connection: each cause once, and the recovery once."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Arrival(Generic[T]):
    """A message, as its reader made it, and what acknowledging it takes: packet ids are a connection's own.

    fingerprint  of the message, where it is acknowledged by whoever polls
    """

    message: T
    packet_id: int = 0
    qos: int = 0
    connection: int = 0
    fingerprint: bytes = b""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has this message of ours, or with a `code` from 128 on refuses it."""

    packet_id: int
    code: int = 0


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker's answer to a subscription: a code for each topic, from 128 on a refusal."""

    packet_id: int
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """The broker delivers what comes under these topics, for which it was asked."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """There is a line to the broker, on which nothing was said yet."""


Happening = Up | Down | Denied | Said | Granted | Arrival[T]
Event = Happening[T] | Acknowledged | Subscribed | Opened


@dataclass
class Inbox(Generic[T]):
    """Filled on the client's thread, emptied on the poller's; each event with the generation of its line."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    events: "deque[tuple[int, Event[T]]]" = field(default_factory=deque)
    arrivals: int = 0
    dropped: int = 0

    def put(self, generation: int, event: "Event[T]") -> bool:
        """Queue it; whether there was room: only arrivals may find none."""
        with self.lock:
            if isinstance(event, Arrival):
                if self.arrivals >= ARRIVALS_QUEUED_MAX:
                    self.dropped += 1
                    return False
                self.arrivals += 1
            self.events.append((generation, event))
        return True

    def drop(self) -> None:
        """Count a message that is not worth a place."""
        with self.lock:
            self.dropped += 1

    def take(self) -> "list[tuple[int, Event[T]]]":
        with self.lock:
            taken, self.events, self.arrivals = list(self.events), deque(), 0
        return taken
