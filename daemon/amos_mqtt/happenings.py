"""What a client tells the loop that polls it, and the bounded queue between its thread and that loop."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from amos_mqtt.limits import ARRIVALS_QUEUED_MAX

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Up:
    """Connected at this protocol level."""

    level: int


@dataclass(frozen=True, slots=True)
class Down:
    """Not connected; `reason` goes on from "the broker"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The broker does not let us publish or subscribe."""

    what: str


@dataclass(frozen=True, slots=True)
class Arrival(Generic[T]):
    """A message, as its reader made it, and what acknowledging it takes: packet ids are a connection's own."""

    message: T
    packet_id: int = 0
    qos: int = 0
    connection: int = 0


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has this message of ours."""

    packet_id: int


@dataclass(frozen=True, slots=True)
class Opened:
    """There is a line to the broker, on which nothing was said yet."""


Happening = Up | Down | Denied | Arrival[T]
Event = Happening[T] | Acknowledged | Opened


@dataclass
class Inbox(Generic[T]):
    """Filled on the client's thread, emptied on the poller's; each event with the generation of its client."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    events: "deque[tuple[int, Event[T]]]" = field(default_factory=deque)
    arrivals: int = 0
    dropped: int = 0

    def put(self, generation: int, event: "Event[T]") -> None:
        with self.lock:
            if isinstance(event, Arrival):
                if self.arrivals >= ARRIVALS_QUEUED_MAX:
                    self.dropped += 1
                    return
                self.arrivals += 1
            self.events.append((generation, event))

    def drop(self) -> None:
        """Count a message that is not worth a place."""
        with self.lock:
            self.dropped += 1

    def take(self) -> "list[tuple[int, Event[T]]]":
        with self.lock:
            taken, self.events, self.arrivals = list(self.events), deque(), 0
        return taken
