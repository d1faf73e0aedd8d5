"""The talk with one player, from top to bottom: prove, tell, look, hand receipts over, pull, wait, tell again.

A generator over `amos.protocol.link_courier_talk`; what it learns goes to `PlayerEvents` (the courier), which answers
from spool and outbox. Everything here can be broken off at any point and started anew: the player and the spool know
where they stand.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from amos.crypto import verify
from amos.protocol.link import (
    OFFER_ANCHOR,
    OFFER_DIRECTIVE,
    OFFER_OPT_OUTS,
    OFFER_ROTATION,
    UNKNOWN_SEQUENCE,
    UNKNOWN_VERB,
    Entry,
    Response,
    Status,
)
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_call import challenge, give_input, read_status
from amos.protocol.link_courier_offer import offer, offer_receipt
from amos.protocol.link_courier_pack import SendPack
from amos.protocol.link_courier_proof import prove
from amos.protocol.link_courier_segment import list_page, read_segment
from amos.protocol.link_courier_talk import Pause, RequestRefused, TransferError
from amos_sync.errors import PlayerError
from amos_sync.limits import (
    INPUTS_WAITING_MAX,
    LOOK_AGAIN_MS,
    PACK_MEND_MS,
    PACK_RETRY_MS,
    PACK_SLICE_BYTES,
    POLL_MS,
    POLL_TOGETHER_MS,
    RELIST_MS,
    SEQUENCE_MAX,
)
from amos_sync.opt_outs import Offered
from amos_sync.outbox import Slot
from amos_sync.pack_cache import CachedPack
from amos_sync.watched import Watched

Steps = Generator[Ticket | Pause, Response | None, None]

PROOFS_MAX = 3
"""Tries to identify: an answer to an earlier connection's nonce may come first."""


@dataclass(frozen=True)
class Offer:
    """A receipt for the player, and the slot that it belongs to."""

    slot: Slot
    receipt: bytes


class PlayerEvents(Protocol):
    """What a session needs of the courier. None of these waits."""

    def nonce(self) -> bytes: ...
    def connected(self, session: "Session", identity: Response) -> None: ...
    def looked(self, session: "Session", raw: bytes) -> None: ...
    def opt_outs(self) -> list[bytes]: ...
    def opt_outs_offered(self, session: "Session", refusal: str | None) -> None: ...
    def directives(self, session: "Session") -> list[bytes]: ...
    def directive_offered(self, session: "Session", data: bytes, refusal: str | None) -> None: ...
    def rotations(self) -> list[bytes]: ...
    def rotation_offered(self, session: "Session", data: bytes, refusal: str | None) -> None: ...
    def wants_time(self, session: "Session") -> bool: ...
    def challenged(self, session: "Session", nonce: bytes | None) -> None: ...
    def next_anchor(self, session: "Session") -> bytes | None: ...
    def anchor_offered(self, session: "Session", refusal: str | None) -> None: ...
    def awaits_anchor(self, session: "Session") -> bool: ...
    def next_offer(self, device_id: bytes, last_receipted: int) -> Offer | None: ...
    def offer_refused(self, session: "Session", offer: Offer) -> None: ...
    def has_room(self) -> bool: ...
    def wanted(self, session: "Session", entries: list[Entry]) -> list[Entry]: ...
    def pulled(self, device_id: bytes, entry: Entry, segment: bytes) -> str | None: ...
    def settled(self, session: "Session") -> None: ...
    def unreadable(self, session: "Session", entry: Entry, reason: str) -> None: ...
    def pack(self, session: "Session") -> CachedPack | None: ...
    def pack_taken(self, session: "Session", cached: CachedPack, sent_bytes: int) -> None: ...
    def pack_refused(self, session: "Session", cached: CachedPack, reason: str, by_player: bool) -> None: ...
    def input_refused(self, session: "Session", reason: str) -> None: ...
    def ended(self, session: "Session") -> None: ...


class UntilLook(Pause):
    """Ends when other players are looked at, too."""

    def start(self, now_ms: int) -> None:
        self.until_ms = now_ms + self.wait_ms - now_ms % POLL_TOGETHER_MS


@dataclass
class Partial:
    """A segment of which a part was read; it outlives the connection, so that reading resumes."""

    sha256: bytes = b""
    held: bytearray | None = None

    def of(self, entry: Entry) -> bytearray:
        if self.held is None or self.sha256 != entry.sha256:
            self.sha256, self.held = entry.sha256, bytearray()
        return self.held


class Session:
    """One connection's talk. `device` and `status` are None until known.

    `settled` is True while every sealed segment that the player lists is in the spool and covered by a receipt that the
    player took. `has_pack` is True while it plays, has taken or has refused the pack that there is for it, if any.
    `taken` has the last value of each kind of input that the player took. `watched` is set by whoever looks on.
    """

    def __init__(
        self, address: str, link: CourierLink, events: PlayerEvents, clock_ms: Callable[[], int], partial: Partial
    ):
        self.address = address
        self.device_id: bytes | None = None
        self.status: Status | None = None
        self._link = link
        self._events = events
        self._clock_ms = clock_ms
        self._partial = partial
        self._offered = Offered()
        self._rotated = Offered()
        self._directed = Offered()
        self._cursor = 0
        self._highest_listed = 0
        self._caught_up = False
        self._caught_up_before = 0
        self._relist_at_ms: int | None = None
        self._sending: SendPack | None = None
        self._pack_retry_at_ms: int | None = None
        self._pack_done: CachedPack | None = None
        self._mend_from_ms = 0
        self._inputs: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        self.watched: Watched | None = None

    def ask_input(self, kind: int, value: int) -> None:
        """Hand the player this input with the next turn; the last value of a kind counts."""
        if len(self._inputs) < INPUTS_WAITING_MAX or kind in self._inputs:
            self._inputs[kind] = value

    @property
    def name(self) -> str:
        """For people: where it is and the first digits of who it is."""
        return f"{self.address} ({self.device_id.hex()[:8]})" if self.device_id else self.address

    @property
    def settled(self) -> bool:
        status = self.status
        if status is None or not self._caught_up or status.next_sequence != self._caught_up_before:
            return False
        return status.last_receipted >= self._highest_listed and not self._events.awaits_anchor(self)

    @property
    def has_pack(self) -> bool:
        return self._pack_done is self._events.pack(self)

    def run(self) -> Steps:
        """The whole talk; it ends only by an error: `LinkError`, `ProtocolError` or `PlayerError`."""
        yield from self._prove()
        while True:
            yield from self._hand_rotations()
            yield from self._hand_opt_outs()
            yield from self._hand_directives()
            status = yield from self._look()
            yield from self._hand_rotations()  # one that came meanwhile, before the anchor that came after it
            yield from self._bring_time()
            yield from self._hand_inputs()
            if self.watched is not None:
                yield from self.watched.look(self._link, status, self._events.nonce)
            receipt = self._events.next_offer(status.device_id, status.last_receipted)
            if receipt is not None:
                yield from self._hand_over(receipt)
                continue
            if not (yield from self._pull_page(status)):
                if self.settled:
                    self._events.settled(self)
                if not (yield from self._bring_pack(status)):
                    acted = self.watched is not None and self.watched.acted
                    yield Pause(LOOK_AGAIN_MS) if acted else UntilLook(POLL_MS)

    def _prove(self) -> Steps:
        for _try in range(PROOFS_MAX):
            proof = yield from prove(self._link, self._events.nonce(), verify)
            if proof is not None:
                self.device_id = proof.device_id
                self._events.connected(self, proof.response)
                return
        raise PlayerError(f"{self.address}: what answers there does not prove that it holds its key")

    def _look(self) -> Generator[Ticket | Pause, Response | None, Status]:
        status, raw = yield from read_status(self._link)
        if status.device_id != self.device_id:
            raise PlayerError(f"{self.name}: its status is that of {status.device_id.hex()[:8]}")
        self.status = status
        self._events.looked(self, raw)
        return status

    def _hand_rotations(self) -> Steps:
        """Before anything that the ledger or the operator signed with another key than the player knows."""
        while (data := self._rotated.next(self._events.rotations(), self._clock_ms())) is not None:
            refusal = yield from offer(self._link, OFFER_ROTATION, 0, data)
            self._rotated.done(data, refusal, self._clock_ms())
            if refusal is None:  # what was refused may be by the key that counts since, or for it
                self._directed, self._offered = Offered(), Offered()
            self._events.rotation_offered(self, data, refusal)

    def _hand_opt_outs(self) -> Steps:
        """Before anything else that takes long: each minute counts for somebody."""
        while (data := self._offered.next(self._events.opt_outs(), self._clock_ms())) is not None:
            refusal = yield from offer(self._link, OFFER_OPT_OUTS, 0, data)
            self._offered.done(data, refusal, self._clock_ms())
            self._events.opt_outs_offered(self, refusal)

    def _hand_directives(self) -> Steps:
        """As soon, for somebody waits for silence. The look that comes next says what holds."""
        while (data := self._directed.next(self._events.directives(self), self._clock_ms())) is not None:
            refusal = yield from offer(self._link, OFFER_DIRECTIVE, 0, data)
            self._directed.done(data, refusal, self._clock_ms())
            self._events.directive_offered(self, data, refusal)

    def _bring_time(self) -> Steps:
        """Ask for the player's nonce when a time anchor is due, and hand over the one that came."""
        anchor = self._events.next_anchor(self)
        if anchor is not None:
            self._events.anchor_offered(self, (yield from offer(self._link, OFFER_ANCHOR, 0, anchor)))
        if not self._events.wants_time(self):
            return
        try:
            nonce = yield from challenge(self._link)
        except RequestRefused as error:
            if error.code != UNKNOWN_VERB:
                raise
            nonce = None  # an older player: asked again with the next connection
        self._events.challenged(self, nonce)

    def _hand_inputs(self) -> Steps:
        while self._inputs:
            kind, value = self._inputs.popitem()
            try:
                yield from give_input(self._link, self._events.nonce(), kind, value)
            except RequestRefused as error:
                self._events.input_refused(self, str(error))
            else:
                self.taken[kind] = value

    def _hand_over(self, receipt: Offer) -> Steps:
        yield from offer_receipt(self._link, receipt.slot.sequence, receipt.receipt)
        # The status alone tells whether it was taken: an answer may be lost, and an earlier try may have succeeded.
        status = yield from self._look()
        if status.last_receipted < receipt.slot.sequence:
            self._events.offer_refused(self, receipt)

    def _pull_page(self, status: Status) -> Generator[Ticket | Pause, Response | None, bool]:
        """List and pull up to one page; whether there may be more at once."""
        now_ms = self._clock_ms()
        if self._relist_at_ms is not None and now_ms >= self._relist_at_ms:
            self._cursor, self._relist_at_ms = 0, None
        if status.next_sequence < self._cursor:
            self._cursor, self._highest_listed = 0, 0  # another card, or a restored one: its segments count from anew
        first = max(self._cursor, status.last_receipted + 1)
        if not self._events.has_room() or first > SEQUENCE_MAX:
            self._caught_up = False
            return False
        entries = (yield from list_page(self._link, first)) if status.next_sequence > first else []
        for entry in self._events.wanted(self, entries):
            if not self._events.has_room():
                self._cursor = entry.sequence
                return False
            yield from self._pull(entry)
        if entries:
            self._cursor = entries[-1].sequence + 1
            self._highest_listed = max(self._highest_listed, entries[-1].sequence)
        self._caught_up, self._caught_up_before = not entries and self._relist_at_ms is None, status.next_sequence
        return bool(entries)

    def _pull(self, entry: Entry) -> Steps:
        try:
            segment = yield from read_segment(self._link, entry, self._partial.of(entry))
        except TransferError as error:
            self._skip(entry, str(error))
        except RequestRefused as error:
            # The player may have dropped it since it listed it: another courier can have brought its receipt.
            if error.code != UNKNOWN_SEQUENCE:
                raise
            self._skip(entry, str(error))
        else:
            self._partial.held = None
            refused = self._events.pulled(self.device_id or b"", entry, segment)
            if refused is not None:
                self._skip(entry, refused)

    def _bring_pack(self, status: Status) -> Generator[Ticket | Pause, Response | None, bool]:
        """Send a slice of the pack that there is for the player, if it plays another, or what it found spoilt of this
        one; whether more is to be sent."""
        if self._directed.next(self._events.directives(self), self._clock_ms()) is not None:
            return True  # one that came meanwhile goes first: the player takes no pack but the one that it names
        cached = self._events.pack(self)
        plays = cached is not None and cached.pack.pack_id == status.pack
        if cached is None or (plays and not status.spoilt_blobs):
            self._send_no_more()
            self._pack_done = cached
            return False
        if plays and (self._sending is None or self._sending.is_sent):
            if self._clock_ms() < self._mend_from_ms:
                return False
            self._send_no_more()
            self._mend_from_ms = self._clock_ms() + PACK_MEND_MS
        if self._sending is None or self._sending.pack is not cached.pack:
            self._send_no_more()
            self._sending = SendPack(self._link, cached.pack, cached.read, cached.path)
            self._pack_retry_at_ms = None
        if self._pack_retry_at_ms is not None and self._clock_ms() < self._pack_retry_at_ms:
            return False
        try:
            taken = yield from self._sending.more(PACK_SLICE_BYTES)
        except (RequestRefused, TransferError) as error:
            self._send_no_more()
            self._sending = SendPack(self._link, cached.pack, cached.read, cached.path)
            self._pack_retry_at_ms, self._pack_done = self._clock_ms() + PACK_RETRY_MS, cached
            self._events.pack_refused(self, cached, str(error), isinstance(error, RequestRefused))
            return False
        if taken:
            self._pack_done = cached
            self._events.pack_taken(self, cached, self._sending.sent_bytes)
        return not taken

    def _send_no_more(self) -> None:
        """Whatever pack is on its way, its pieces have no place any more."""
        if self._sending is not None:
            self._sending.leave()
        self._sending = None

    def _skip(self, entry: Entry, reason: str) -> None:
        self._relist_at_ms = self._clock_ms() + RELIST_MS
        self._events.unreadable(self, entry, reason)
