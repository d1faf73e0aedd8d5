"""The courier's side of the link, sans-I/O: requests with ids out, bytes in, answers matched by id (SPEC section 7).

`HostLink` keeps a small window of requests in flight, sends a lost one again (every request is idempotent) and counts
damage. It owns no clock: the caller passes `now_ms`, any monotonic milliseconds. Whole objects are fetched by the
generators below (`identify`, `read_status`, `list_page`, `list_all`, `read_segment`, `offer`, `challenge`), which a
`Conversation` runs: they yield what they wait for, so that a longer exchange is written from top to bottom.

    link = HostLink(first_id)
    talk = Conversation(identify(link, nonce))
    while not talk.done:
        write(link.outgoing(now_ms))
        link.feed(read(), now_ms)      # any pieces, none at all included
        link.tick(now_ms)
        talk.advance(now_ms)           # raises what the generator raises
    identity = talk.result

Answers of an earlier connection carry ids that nobody waits for, and are counted as `stale`. Start with a `first_id`
that an earlier connection is unlikely to have used, and identify first: its signature is over a fresh nonce, and since
the line keeps its order, nothing older can follow it.
"""

import hashlib

from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.frames import FrameReader, frame
from amos.protocol.limits import (
    LIST_ENTRIES_MAX,
    READ_CHUNK_BYTES_MAX,
    REQUEST_WIDE_BYTES_MAX,
    RESPONSE_BYTES_MAX,
    SEGMENT_BYTES_MAX,
    TIME_NONCE_BYTES,
)
from amos.protocol.link import (
    BAD_FRAME,
    BAD_OFFER,
    CHALLENGE,
    CODES,
    IDENTIFY,
    INPUT,
    LIST,
    LOGS,
    OFFER,
    OFFER_CHUNK_BYTES_MAX,
    OFFER_RECEIPT,
    OFFERS,
    OK,
    OUT_OF_ORDER,
    READ,
    STATUS,
    Entry,
    Request,
    Response,
    Status,
    decode_response,
    decode_status,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

WINDOW_REQUESTS = 3
"""Requests in flight: hides the turnaround of a read. The answers of all fit into a pty's 4 KiB, so that a player never
waits for a courier that died before it read them."""

WINDOW_BYTES = 496
"""Bytes of requests in flight: a Pico's USB input ring holds 512, and what does not fit there is lost."""

TIMEOUT_MS = 1500
"""First wait for an answer; each resend waits twice as long. A player answers between two blocks of audio."""

OFFER_TIMEOUT_MS = 6000
"""First wait for an offer: its last piece has the player verify an Ed25519 signature, seconds on a small board."""

TIMEOUT_MS_MAX = 12000

TRIES_MAX = 5
"""Sendings of one request before the link counts as lost: 1.5 + 3 + 6 + 12 + 12 seconds."""

OFFER_RESTARTS_MAX = 8
"""Out-of-order answers to one offer; more mean that two sides disagree for good."""

LOGS_REQUESTS_MAX = 64
"""Answers of 1,024 bytes: 16 times what a player keeps, so that one that keeps talking is not read for ever."""

LIST_PAGES_MAX = 65536
"""Pages of one whole list: a million segments, nineteen years of play."""


class LinkError(ProtocolError):
    """The player's answers are not what the request needs."""


class LinkLost(LinkError):
    """No answer to a request after `TRIES_MAX` sendings."""


class RequestRefused(LinkError):
    """The player answered with a code other than ok: `code` (see `CODES`), and its own sentence."""

    def __init__(self, verb: int, code: int, text: "str | None"):
        name = CODES[code] if code < len(CODES) else "code %d" % code
        super().__init__("verb %d: expected ok, found %s%s" % (verb, name, ": " + text if text else ""))
        self.code = code


class TransferError(LinkError):
    """A whole object did not come through as the player itself had announced it."""


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


class Pause:
    """Yielded by a generator to wait `wait_ms`, or until `wake` is called."""

    def __init__(self, wait_ms: int):
        self.wait_ms = wait_ms
        self.until_ms = 0
        self._woken = False

    def start(self, now_ms: int) -> None:
        """Count from now."""
        self.until_ms = now_ms + self.wait_ms

    def wake(self) -> None:
        """End the wait at the next `advance`."""
        self._woken = True

    def ready(self, now_ms: int) -> bool:
        """Whether the wait is over."""
        return self._woken or now_ms >= self.until_ms


class HostLink:
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

    def submit(self, request: Request, timeout_ms: int = TIMEOUT_MS) -> Ticket:
        """Queue a request; its `id` is set here. Raises `LocalError` for one that the format cannot hold."""
        request.id = self._next_id
        body = request.encode()
        if len(body) > REQUEST_WIDE_BYTES_MAX:
            raise LocalError("request: expected at most %d bytes, found %d" % (REQUEST_WIDE_BYTES_MAX, len(body)))
        self._next_id = self._next_id % 0xFFFF + 1
        ticket = Ticket(request.id, request.verb, frame(body), timeout_ms)
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


class Conversation:
    """Runs one of the generators below, or a longer one made of them. `result` is what it returned, once `done`."""

    def __init__(self, steps: "Generator[Ticket | Pause, Response | None, object]"):
        self._steps = steps
        self._awaited: Ticket | Pause | None = None
        self.done = False
        self.result: object = None

    @property
    def awaited(self) -> "Ticket | Pause | None":
        """What it waits for at this moment."""
        return self._awaited

    def advance(self, now_ms: int) -> None:
        """Go on as far as the answers reach. Raises what the generator raises; it is over then."""
        while not self.done and (self._awaited is None or self._awaited.ready(now_ms)):
            try:
                self._awaited = self._step()
                self._awaited.start(now_ms)
            except StopIteration as stop:
                self.done, self.result = True, stop.value
            except BaseException:
                self.done = True
                raise

    def _step(self) -> "Ticket | Pause":
        awaited = self._awaited
        if awaited is None or isinstance(awaited, Pause):
            return next(self._steps)
        if awaited.lost:
            return self._steps.throw(
                LinkLost("verb %d: expected an answer, found none in %d tries" % (awaited.verb, TRIES_MAX))
            )
        return self._steps.send(awaited.response)


def checked(verb: int, response: "Response | None") -> Response:
    """The answer, if it is ok. Raises `RequestRefused`."""
    if response is None or response.code != OK:
        raise RequestRefused(verb, response.code if response else BAD_FRAME, response.text if response else None)
    return response


def _need(verb: int, response: Response, names: "tuple[str, ...]") -> None:
    for name in names:
        if getattr(response, name) is None:
            raise TransferError("verb %d: expected %s in the answer, found none" % (verb, name))


def identify(link: HostLink, nonce: bytes) -> "Generator[Ticket | Pause, Response | None, Response]":
    """The player's answer with `device`, `public_key`, `signature`, `firmware`, `board`, `voices`; nothing is verified.

    `nonce` is 16 to 64 fresh random bytes. The signature is over `enrolment.IDENTIFY_CONTEXT` and the nonce.
    """
    response = checked(IDENTIFY, (yield link.submit(Request(id=0, verb=IDENTIFY, nonce=nonce))))
    _need(IDENTIFY, response, ("device", "public_key", "signature", "firmware", "board", "voices"))
    return response


def read_status(link: HostLink) -> "Generator[Ticket | Pause, Response | None, tuple[Status, bytes]]":
    """What the player says of itself, and the same as it came, for passing on."""
    response = checked(STATUS, (yield link.submit(Request(id=0, verb=STATUS))))
    _need(STATUS, response, ("data",))
    data = response.data or b""
    return decode_status(data), data


def read_logs(link: HostLink) -> "Generator[Ticket | Pause, Response | None, bytes]":
    """What the player said lately, oldest first; lines that give way while they are read are left out."""
    said = bytearray()
    offset, end = 0, 1
    for _turn in range(LOGS_REQUESTS_MAX):
        if offset >= end:
            break
        ticket = link.submit(Request(id=0, verb=LOGS, offset=offset, length=READ_CHUNK_BYTES_MAX))
        response = checked(LOGS, (yield ticket))
        _need(LOGS, response, ("offset", "size"))
        first, end, data = response.offset or 0, response.size or 0, response.data or b""
        if first < offset or first + len(data) > end or (first < end and not data):
            raise TransferError("logs: expected bytes from %d of %d, found %d at %d" % (offset, end, len(data), first))
        said.extend(data)
        offset = first + len(data)
    return bytes(said)


def give_input(link: HostLink, kind: int, value: int) -> "Generator[Ticket | Pause, Response | None, Response]":
    """Hand the player an input (player/SCORE.md section 4), effective as soon as it can be."""
    return checked(INPUT, (yield link.submit(Request(id=0, verb=INPUT, kind=kind, value=value))))


def list_page(link: HostLink, first: int) -> "Generator[Ticket | Pause, Response | None, list[Entry]]":
    """Up to `LIST_ENTRIES_MAX` sealed segments from sequence `first` on, ascending; empty when there is none."""
    response = checked(LIST, (yield link.submit(Request(id=0, verb=LIST, sequence=first))))
    _need(LIST, response, ("entries",))
    entries = response.entries or []
    expected = first
    for entry in entries:
        if entry.sequence < expected or not 1 <= entry.size <= SEGMENT_BYTES_MAX:
            raise TransferError(
                "list: expected ascending sequences from %d and 1 to %d bytes, found %d of %d bytes"
                % (first, SEGMENT_BYTES_MAX, entry.sequence, entry.size)
            )
        expected = entry.sequence + 1
    return entries


def list_all(link: HostLink, first: int) -> "Generator[Ticket | Pause, Response | None, list[Entry]]":
    """Every sealed segment from sequence `first` on, page by page until an empty one."""
    entries: list[Entry] = []
    for _page in range(LIST_PAGES_MAX):
        page = yield from list_page(link, first)
        if not page:
            return entries
        entries.extend(page)
        first = page[-1].sequence + 1
    raise TransferError("list: expected an end after %d pages of %d" % (LIST_PAGES_MAX, LIST_ENTRIES_MAX))


def read_segment(
    link: HostLink, entry: Entry, held: "bytearray | None" = None
) -> "Generator[Ticket | Pause, Response | None, bytes]":
    """The bytes of a listed segment, SHA-256 checked.

    `held` collects what came; pass the same one again after an interruption, and the reading resumes where it ended.
    Raises `TransferError` and empties `held` when the whole is not what the list announced.
    """
    held = bytearray() if held is None else held
    ahead: list[tuple[int, int, Ticket]] = []
    try:
        while len(held) < entry.size:
            _read_ahead(link, entry, len(held), ahead)
            offset, length, ticket = ahead.pop(0)
            response = checked(READ, (yield ticket))
            data = response.data or b""
            if response.size != entry.size or response.offset != offset or not 1 <= len(data) <= length:
                raise TransferError(
                    "segment %d: expected %d bytes at %d of %d, found %d at %s of %s"
                    % (entry.sequence, length, offset, entry.size, len(data), response.offset, response.size)
                )
            held.extend(data)
            if len(data) < length:  # a player may answer less; what was asked further on no longer fits
                link.cancel([later for _offset, _length, later in ahead])
                ahead.clear()
    except TransferError:
        held[:] = b""
        raise
    finally:
        link.cancel([later for _offset, _length, later in ahead])
    if hashlib.sha256(held).digest() != entry.sha256:
        held[:] = b""
        raise TransferError("segment %d: expected SHA-256 %s" % (entry.sequence, entry.sha256.hex()))
    return bytes(held)


def _read_ahead(link: HostLink, entry: Entry, offset: int, ahead: "list[tuple[int, int, Ticket]]") -> None:
    if ahead:
        offset = ahead[-1][0] + ahead[-1][1]
    while offset < entry.size and len(ahead) < WINDOW_REQUESTS:
        length = min(READ_CHUNK_BYTES_MAX, entry.size - offset)
        request = Request(id=0, verb=READ, sequence=entry.sequence, offset=offset, length=length)
        ahead.append((offset, length, link.submit(request)))
        offset += length


def offer_receipt(link: HostLink, sequence: int, receipt: bytes) -> "Generator[Ticket | Pause, Response | None, bool]":
    """Hand a receipt over. True when the player took it, False when it refused it (bad offer).

    A refusal need not be the receipt's fault: the player may have taken it before, when its answer got lost. Its status
    (`last_receipted`) tells.
    """
    return (yield from offer(link, OFFER_RECEIPT, sequence, receipt)) is None


def challenge(link: HostLink) -> "Generator[Ticket | Pause, Response | None, bytes]":
    """The nonce that a time anchor for this player is to answer."""
    response = checked(CHALLENGE, (yield link.submit(Request(id=0, verb=CHALLENGE))))
    _need(CHALLENGE, response, ("data",))
    if len(response.data or b"") != TIME_NONCE_BYTES:
        raise TransferError("challenge: expected %d bytes, found %r" % (TIME_NONCE_BYTES, response.data))
    return response.data or b""


def offer(
    link: HostLink, kind: int, sequence: int, data: bytes
) -> "Generator[Ticket | Pause, Response | None, str | None]":
    """Hand something over piece by piece (`link.OFFERS`). None when the player took it, else its sentence why not."""
    name, bytes_max = OFFERS[kind]
    if not 1 <= len(data) <= bytes_max:
        raise LocalError("%s: expected 1 to %d bytes, found %d" % (name, bytes_max, len(data)))
    offset = 0
    restarts = 0
    while True:
        piece = bytes(data[offset : offset + OFFER_CHUNK_BYTES_MAX])
        request = Request(id=0, verb=OFFER, kind=kind, sequence=sequence, size=len(data), offset=offset, data=piece)
        response = yield link.submit(request, OFFER_TIMEOUT_MS)
        if response is not None and response.code == BAD_OFFER:
            return response.text or "refused"
        if response is not None and response.code == OUT_OF_ORDER:
            restarts += 1
            if restarts > OFFER_RESTARTS_MAX:
                raise TransferError("%s: expected order after %d restarts" % (name, OFFER_RESTARTS_MAX))
            # The player says where it stands: behind us after a reboot, ahead of us when only its answer was lost.
            expected = response.offset or 0
            offset = expected if expected < len(data) else 0
            continue
        checked(OFFER, response)
        offset += len(piece)
        if offset >= len(data):
            return None
