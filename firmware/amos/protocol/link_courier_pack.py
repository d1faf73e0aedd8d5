"""The courier's side of the pack verbs: send a pack, resume it, activate it (SPEC section 7, "Packs").

    pack = PackToSend(manifest bytes)              what is to be sent; nothing is verified here
    sending = SendPack(link, pack, read)           read(sha256, offset, length) -> bytes
    while not (yield from sending.some(1 << 18)):  a quarter of a megabyte, and the line is free for other things
        ...

Everything may be broken off anywhere: a new `SendPack` asks the player what it has, and goes on from there.
"""

import hashlib

from amos.protocol.cose import TYP_MANIFEST, parse_typed
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.link import (
    ACTIVATE,
    BEGIN,
    BLOB_CONTENT,
    BLOB_MANIFEST,
    BUSY,
    FINISH,
    NOT_BEGUN,
    OFFER_CHUNK_BYTES_MAX,
    OUT_OF_ORDER,
    PUT,
    WRONG_HASH,
    Request,
)
from amos.protocol.link_courier import WINDOW_BYTES, WINDOW_REQUESTS, CourierLink, Ticket
from amos.protocol.link_courier_offer import OFFER_TIMEOUT_MS
from amos.protocol.link_courier_talk import Pause, RequestRefused, TransferError, checked
from amos.protocol.manifest import Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from amos.protocol.link import Response

BUSY_PAUSE_MS = 20
BUSY_ANSWERS_MAX = 30_000
"""Ten minutes: a card over SPI hashes 256 KB a second, 64 KB an answer."""

RESTARTS_MAX = 8
"""How often a blob may begin anew without any progress; after that the two sides will never agree."""

WRONG_HASHES_MAX = 2
"""How often a blob may arrive whole with a wrong hash; after that the courier's blob is not the one in the manifest."""


class PackToSend:
    """A pack by its signed manifest: `pack_id`, `manifest` and `blobs`, (SHA-256, size) each, the score first.

    Whether the publisher signed it is the player's to check. Raises `CoseError`, `CborError`, `MessageError`.
    """

    def __init__(self, signed: bytes):
        self.signed = signed
        self.pack_id = hashlib.sha256(signed).digest()
        self.manifest = Manifest.decode(parse_typed(signed, TYP_MANIFEST, MANIFEST_BYTES_MAX).payload)
        needs = {self.manifest.score_sha256: self.manifest.score_bytes}
        needs.update({stem.sha256: stem.size_bytes for stem in self.manifest.stems})
        self.blobs = list(needs.items())
        self.size_bytes = len(signed) + sum(needs.values())


class SendPack:
    """One pack on its way to one player. `here_bytes` of `pack.size_bytes` are there, as far as is known.

    Raises `LinkError` and its kin; `RequestRefused` tells by its code why the player does not want the pack.
    """

    def __init__(self, link: CourierLink, pack: PackToSend, read: "Callable[[bytes, int, int], bytes]"):
        self.pack = pack
        self.here_bytes = 0
        self.sent_bytes = 0
        self._link = link
        self._read = read
        self._left = [(pack.pack_id, len(pack.signed)), *pack.blobs]
        self._done_bytes = 0
        self._restarts = 0

    @property
    def is_sent(self) -> bool:
        """Whether every blob of it was there."""
        return not self._left

    def some(self, bytes_max: int) -> "Generator[Ticket | Pause, Response | None, bool]":
        """Send at most about so many bytes; whether the pack is there whole and was taken."""
        budget = bytes_max
        while self._left:
            sha256, size = self._left[0]
            sent_before = self.sent_bytes
            if not (yield from self._send(sha256, size, budget)):
                return False
            budget -= self.sent_bytes - sent_before
            self._left.pop(0)
            self._done_bytes += size
            self.here_bytes = self._done_bytes
            if budget <= 0 and self._left:
                return False
        yield from activate_pack(self._link, self.pack.pack_id)
        return True

    def _send(self, sha256: bytes, size: int, bytes_max: int) -> "Generator[Ticket | Pause, Response | None, bool]":
        """Send a blob, or so much of it; whether it is there whole and right."""
        kind = BLOB_MANIFEST if sha256 == self.pack.pack_id else BLOB_CONTENT
        wrong_hashes = 0
        while True:
            response = yield from _patiently(self._link, BEGIN, kind=kind, size=size, sha256=sha256)
            offset, chunk = response.offset, response.length
            if offset is None or chunk is None or offset > size or not chunk:
                raise TransferError("begin: expected an offset up to %d and a length, found %s" % (size, offset))
            if chunk > OFFER_CHUNK_BYTES_MAX:
                self._link.window_bytes = max(WINDOW_BYTES, WINDOW_REQUESTS * (chunk + OFFER_CHUNK_BYTES_MAX))
            try:
                offset = yield from self._put(sha256, offset, size, chunk, bytes_max)
                if offset < size:
                    return False
                yield from _patiently(self._link, FINISH, sha256=sha256)
                return True
            except RequestRefused as error:
                # The player rebooted and has forgotten the blob, or a power cut spoilt it: ask it again what it has.
                self._restarts += 1
                wrong_hashes += error.code == WRONG_HASH
                again = error.code in (NOT_BEGUN, OUT_OF_ORDER, WRONG_HASH)
                if not again or self._restarts > RESTARTS_MAX or wrong_hashes > WRONG_HASHES_MAX:
                    raise

    def _put(
        self, sha256: bytes, offset: int, size: int, chunk: int, bytes_max: int
    ) -> "Generator[Ticket | Pause, Response | None, int]":
        """Put pieces from `offset` on, a window of them in flight; how far the player is then."""
        end = min(size, offset + max(bytes_max, chunk))
        flying: list[tuple[int, Ticket]] = []
        asked = offset
        try:
            while offset < end:
                while asked < end and len(flying) <= WINDOW_REQUESTS:
                    piece = self._piece(sha256, asked, min(chunk, end - asked))
                    ticket = self._link.submit(Request(id=0, verb=PUT, offset=asked, data=piece))
                    asked += len(piece)
                    flying.append((asked, ticket))
                reached, ticket = flying.pop(0)
                response = checked(PUT, (yield ticket))
                if response.offset is None or not reached <= response.offset <= size:
                    raise TransferError("put: expected %d to %d, found %s" % (reached, size, response.offset))
                self.sent_bytes += reached - offset
                offset = reached
                self.here_bytes = self._done_bytes + offset
                self._restarts = 0
        finally:
            self._link.cancel([ticket for _reached, ticket in flying])
        return offset

    def _piece(self, sha256: bytes, offset: int, length: int) -> bytes:
        if sha256 == self.pack.pack_id:
            return self.pack.signed[offset : offset + length]
        piece = self._read(sha256, offset, length)
        if len(piece) != length:
            raise TransferError("blob %s: expected %d bytes at %d" % (sha256.hex()[:16], length, offset))
        return piece


def activate_pack(link: CourierLink, pack_id: bytes) -> "Generator[Ticket | Pause, Response | None, None]":
    """Have the player play a pack that it holds, from its next section on; nothing when it does or will already."""
    yield from _patiently(link, ACTIVATE, sha256=pack_id)


def _patiently(
    link: CourierLink, verb: int, **fields: object
) -> "Generator[Ticket | Pause, Response | None, Response]":
    """Ask until the player is not busy any more."""
    for _answer in range(BUSY_ANSWERS_MAX):
        response = yield link.submit(Request(id=0, verb=verb, **fields), OFFER_TIMEOUT_MS)
        if response is None or response.code != BUSY:
            return checked(verb, response)
        yield Pause(BUSY_PAUSE_MS)
    raise TransferError("verb %d: expected an end to being busy after %d answers" % (verb, BUSY_ANSWERS_MAX))
