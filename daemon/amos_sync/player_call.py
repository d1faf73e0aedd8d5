"""One conversation with a player over a line that is open, for whoever asks once."""

import os
from collections.abc import Callable, Generator
from select import select

from amos.protocol.link import Response
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_talk import Conversation, LinkLost, Pause
from amos_sync.clock import clock_ms
from amos_sync.descriptor_port import Port

TURN_S = 0.05
Steps = Generator[Ticket | Pause, Response | None, object]


def hold(port: Port, steps: Callable[[CourierLink], Steps], wait_ms: int | None = None) -> object:
    """The result of the conversation. Raises `PortGone`, `LinkLost` (also when it takes longer than `wait_ms`),
    `ProtocolError`."""
    end_ms = None if wait_ms is None else clock_ms() + wait_ms
    link = CourierLink(int.from_bytes(os.urandom(2), "big") or 1)
    talk = Conversation(steps(link))
    while not talk.done:
        if end_ms is not None and clock_ms() > end_ms:
            raise LinkLost("no answer in time")
        port.write(link.outgoing(clock_ms()))
        awaited = talk.awaited
        left_ms = awaited.until_ms - clock_ms() if isinstance(awaited, Pause) else 1000 * TURN_S
        select([port], [port] if port.unsent else [], [], min(max(left_ms / 1000, 0), TURN_S))
        link.feed(port.read(), clock_ms())
        link.tick(clock_ms())
        talk.advance(clock_ms())
    return talk.result
