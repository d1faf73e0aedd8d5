"""The courier's side of the link, sans-I/O: requests with ids out, bytes in, answers matched by id (SPEC section 7).

`CourierLink` keeps a small window of requests in flight, sends a lost one again (every request is idempotent) and
counts damage. It owns no clock: the caller passes `now_ms`, any monotonic milliseconds. What the answers mean is
written from top to bottom in generators, which a `link_courier_talk.Conversation` runs.

Answers of an earlier connection carry ids that nobody waits for, and are counted as `stale`. Start with a `first_id`
that an earlier connection is unlikely to have used, and identify first: its signature is over a fresh nonce, and since
the line keeps its order, nothing older can follow it.
"""

from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.frames import FrameReader, frame
from amos.protocol.limits import REQUEST_WIDE_BYTES_MAX, RESPONSE_BYTES_MAX
from amos.protocol.link import BAD_FRAME, Request, Response, decode_response

WINDOW_REQUESTS = 3
"""Requests in flight: hides the turnaround of a read. The answers of all fit into a pty's 4 KiB, so that a player never
waits for a courier that died before it read them."""

WINDOW_BYTES = 496
"""Bytes of requests in flight: a Pico's USB input ring holds 512, and what does not fit there is lost."""

TIMEOUT_MS = 1500
"""First wait for an answer; each resend waits twice as long. A player answers between two blocks of audio."""

TIMEOUT_MS_MAX = 12000

TRIES_MAX = 5
"""Sendings of one request before the link counts as lost: 1.5 + 3 + 6 + 12 + 12 seconds."""


class Ticket:
    """One request under way: `response` is its answer once there is one; `lost` says that none will come."""

    def __init__(self, number: int, verb: int, wire: bytes, timeout_ms: int):
        self.id = number
        self.verb = verb
        self.wire = wire
        self.timeout_ms = timeout_ms
        self.deadline_ms = 0
        self.tries = 0
        self.hurried = False
        self.response: Response | None = None
        self.lost = False

    def start(self, now_ms: int) -> None:
        """Nothing to do: the link sends it when the window has room."""

    def ready(self, now_ms: int) -> bool:
        """Whether whoever waits for it can go on."""
        return self.lost or self.response is not None


class CourierLink:
    """Requests in flight on one connection. `first_id` 1 .. 65535; see the module's text for how to choose it.

    window_bytes   int, bytes of requests in flight; a player may say that it takes more
    resent      int, requests sent again
    stale       int, answers that nobody waited for
    malformed   int, whole frames that hold no response
    """

    def __init__(self, first_id: int, window_requests: int = WINDOW_REQUESTS):
        if not 1 <= first_id <= 0xFFFF:
            raise LocalError("first_id: expected 1 to 65535, found %r" % (first_id,))
        self._next_id = first_id
        self._window = window_requests
        self.window_bytes = WINDOW_BYTES
        self._reader = FrameReader(RESPONSE_BYTES_MAX)
        self._waiting: list[Ticket] = []
        self._flying: list[Ticket] = []
        # The delimiter ends whatever an earlier connection left half-sent in the player's reader.
        self._outgoing = bytearray(b"\x00")
        self.resent = 0
        self.stale = 0
        self.malformed = 0
        self.last_error = ""

    @property
    def damaged(self) -> int:
        """Frames dropped, and whole frames that were no response."""
        return self._reader.damaged + self.malformed

    def submit(self, request: Request, timeout_ms: int = TIMEOUT_MS, raw: bytes = b"") -> Ticket:
        """Queue a request, and bytes that follow it as they are; its `id` is set here. Raises `LocalError` for one that
        the format cannot hold."""
        request.id = self._next_id
        body = request.encode()
        if len(body) > REQUEST_WIDE_BYTES_MAX:
            raise LocalError("request: expected at most %d bytes, found %d" % (REQUEST_WIDE_BYTES_MAX, len(body)))
        self._next_id = self._next_id % 0xFFFF + 1
        ticket = Ticket(request.id, request.verb, frame(body) + raw, timeout_ms)
        self._waiting.append(ticket)
        return ticket

    def cancel(self, tickets: "list[Ticket]") -> None:
        """Forget these requests; an answer that still comes is stale."""
        self._waiting = [ticket for ticket in self._waiting if ticket not in tickets]
        self._flying = [ticket for ticket in self._flying if ticket not in tickets]

    def feed(self, data: bytes, now_ms: int) -> None:
        """Take bytes from the line in any pieces. Never raises."""
        for body in self._reader.feed(data):
            try:
                response = decode_response(body)
            except ProtocolError as error:
                self.malformed += 1
                self.last_error = str(error)
                continue
            if response.id == 0 and response.code == BAD_FRAME:
                self._send_oldest_again(now_ms)
            else:
                self._match(response)

    def _match(self, response: Response) -> None:
        for ticket in self._flying:
            if ticket.id == response.id:
                ticket.response = response
                self._flying.remove(ticket)
                return
        self.stale += 1

    def _send_oldest_again(self, now_ms: int) -> None:
        # Answers come in order, so the damaged request is the oldest unanswered one: no need to wait for its timeout.
        # Once only, and not counted as a try: one burst of noise can be told as several damaged frames.
        if self._flying and not self._flying[0].hurried:
            self._flying[0].hurried = True
            self._flying[0].tries -= 1
            self.resent += 1
            self._send(self._flying[0], now_ms)

    def tick(self, now_ms: int) -> None:
        """Send what is overdue again, and give up what was sent often enough."""
        for ticket in list(self._flying):
            if now_ms < ticket.deadline_ms:
                continue
            if ticket.tries >= TRIES_MAX:
                ticket.lost = True
                self._flying.remove(ticket)
            else:
                self.resent += 1
                self._send(ticket, now_ms)

    def _send(self, ticket: Ticket, now_ms: int) -> None:
        ticket.deadline_ms = now_ms + min(ticket.timeout_ms << ticket.tries, TIMEOUT_MS_MAX)
        ticket.tries += 1
        self._outgoing.extend(ticket.wire)

    def outgoing(self, now_ms: int) -> bytes:
        """The bytes to write to the line now, maybe none. Each is handed out once."""
        in_flight = sum([len(ticket.wire) for ticket in self._flying])
        while self._waiting and len(self._flying) < self._window:
            ticket = self._waiting[0]
            if self._flying and in_flight + len(ticket.wire) > self.window_bytes:
                break
            in_flight += len(ticket.wire)
            self._flying.append(self._waiting.pop(0))
            self._send(ticket, now_ms)
        data, self._outgoing = bytes(self._outgoing), bytearray()
        return data

    def deadline_ms(self) -> "int | None":
        """When `tick` has something to do next, or None when nothing is in flight."""
        deadlines = [ticket.deadline_ms for ticket in self._flying]
        return min(deadlines) if deadlines else None
