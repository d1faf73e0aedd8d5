"""One configured player: its port, the link over it, and the session; opened again whenever it comes back."""

import random
from collections.abc import Callable

from amos.protocol.errors import ProtocolError
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_talk import Conversation, Pause
from amos_mqtt.back_off import back_off_ms
from amos_sync.descriptor_port import Port
from amos_sync.errors import PortBusy, PortError, PortMissing
from amos_sync.limits import PORT_RETRY_MS
from amos_sync.notes import Notes
from amos_sync.ports import open_port
from amos_sync.session import Partial, PlayerEvents, Session


class Device:
    """Never raises for what the line does.

    session   the talk under way, None while there is no connection
    done      id of the player that last ended a connection with nothing left to bring, or None: one that stops once it
              is receipted does not have the courier wait for it
    """

    def __init__(self, address: str, events: PlayerEvents, notes: Notes, clock_ms: Callable[[], int]):
        self.address = address
        self.session: Session | None = None
        self.done: bytes | None = None
        self._events = events
        self._notes = notes
        self._clock_ms = clock_ms
        self._port: Port | None = None
        self._link: CourierLink | None = None
        self._talk: Conversation | None = None
        self._partial = Partial()
        self._attempt = 0
        self._retry_at_ms = 0
        self._line_bytes = 0
        self._damaged_told = 0
        self._woken = False

    def fileno(self) -> int | None:
        """For waiting on; None while closed."""
        return self._port.fileno() if self._port else None

    @property
    def wants_to_write(self) -> bool:
        return self._port is not None and self._port.unsent > 0

    def next_due_ms(self) -> int:
        """When `work` has something to do even if nothing arrives."""
        if self._link is None or self._talk is None:
            return self._retry_at_ms
        awaited = self._talk.awaited
        if isinstance(awaited, Pause):
            now_ms = self._clock_ms()
            return now_ms if awaited.ready(now_ms) else awaited.until_ms
        deadline_ms = self._link.deadline_ms()
        return self._clock_ms() if deadline_ms is None else deadline_ms

    def wake(self) -> None:
        """There is something for the player: end the pause, or the next one, for the talk may be past its place."""
        self._woken = True
        self._end_pause()

    def _end_pause(self) -> None:
        awaited = self._talk.awaited if self._talk else None
        if self._woken and isinstance(awaited, Pause):
            awaited.wake()
            self._woken = False

    def work(self, now_ms: int) -> None:
        """Take what arrived and go on with the talk; write nothing."""
        if self._port is not None:
            self._guarded(self._take, now_ms)
        elif now_ms >= self._retry_at_ms:
            self._open(now_ms)

    def flush(self, now_ms: int) -> None:
        """Write what the talk has to say: after the spool's commit."""
        if self._port is not None:
            self._guarded(self._give, now_ms)

    def close(self) -> None:
        """Hang up, and tell which session ended."""
        session, self.session = self.session, None
        if session is not None and session.device_id is not None:
            self.done = session.device_id if session.settled and session.has_pack else None
        if self._port is not None:
            self._port.close()
        self._port = self._link = self._talk = None
        if session is not None:
            self._events.ended(session)

    def take_line_bytes(self) -> int:
        """Bytes that crossed the line, both ways, since the last call."""
        count, self._line_bytes = self._line_bytes, 0
        return count

    def _open(self, now_ms: int) -> None:
        try:
            self._port = open_port(self.address)
        except (PortMissing, PortBusy) as error:
            self._notes.wrong(self.address, f"{error}; trying again", now_ms)
            self._retry_later(now_ms)
            return
        self._link = CourierLink(random.randint(1, 0xFFFF))
        self.session = Session(self.address, self._link, self._events, self._clock_ms, self._partial)
        self._talk = Conversation(self.session.run())
        self._damaged_told = 0
        self._guarded(self._take, now_ms)

    def _guarded(self, act: Callable[[int], None], now_ms: int) -> None:
        try:
            act(now_ms)
        except (PortError, ProtocolError) as error:
            self._notes.wrong(self.address, f"{_prefixed(self.address, str(error))}; trying again", now_ms)
            self._retry_later(now_ms)
            self.close()

    def _take(self, now_ms: int) -> None:
        if self._port is None or self._link is None or self._talk is None:
            return
        data = self._port.read()
        self._line_bytes += len(data)
        self._link.feed(data, now_ms)
        self._link.tick(now_ms)
        self._talk.advance(now_ms)
        self._end_pause()
        if self.session is not None and self.session.status is not None:
            self._attempt = 0
        if self._link.damaged > self._damaged_told:
            self._damaged_told = self._link.damaged
            sentence = f"{self.address}: {self._link.damaged} damaged frames on the line; asking again"
            self._notes.often(self.address + " damaged", sentence, now_ms)

    def _give(self, now_ms: int) -> None:
        if self._port is None or self._link is None:
            return
        data = self._link.outgoing(now_ms)
        self._line_bytes += len(data)
        if data or self._port.unsent:
            self._port.write(data)

    def _retry_later(self, now_ms: int) -> None:
        self._attempt += 1
        self._retry_at_ms = now_ms + back_off_ms(PORT_RETRY_MS, self._attempt, random.randint(0, 1000))


def _prefixed(address: str, sentence: str) -> str:
    return sentence if sentence.startswith(address) else f"{address}: {sentence}"
