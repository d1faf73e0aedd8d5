"""The courier's side of the pack verbs: send a pack, resume it, activate it (SPEC section 7, "Packs").

    pack = PackToSend(manifest bytes)              what is to be sent; nothing is verified here
    sending = SendPack(link, pack, read)           read(sha256, offset, length) -> bytes
    while not (yield from sending.some(1 << 18)):  a quarter of a megabyte, and the line is free for other things
        ...

Everything may be broken off anywhere: a new `SendPack` asks the player what it has, and goes on from there.
"""

import hashlib

from amos.protocol.cose import TYP_MANIFEST, parse_typed
from amos.protocol.limits import MANIFEST_BYTES_MAX, STREAM_BYTES_MAX
from amos.protocol.link import (
    ACTIVATE,
    BAD_OFFER,
    BEGIN,
    BEGIN_STREAM,
    BLOB_CONTENT,
    BLOB_MANIFEST,
    BUSY,
    FETCH,
    FINISH,
    NOT_BEGUN,
    OFFER_CHUNK_BYTES_MAX,
    OUT_OF_ORDER,
    PUT,
    STREAM,
    UNKNOWN_VERB,
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
"""The longest pause before a busy player is asked again; the first are shorter."""

BUSY_MS_MAX = 600_000
"""A card over SPI hashes 256 KB a second, 64 KB an answer."""

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


def _nowhere(_sha256: bytes) -> None:
    """Blobs of which nobody says where they lie."""


class _Blob:
    """The blob on its way: `reached` of its `size` bytes are there, `asked` were sent. `flying`: where each piece under
    way ends, and its ticket. Pieces have `chunk` bytes at most."""

    def __init__(self, sha256: bytes, size: int, offset: int, chunk: int, path: "bytes | None"):
        self.sha256 = sha256
        self.size = size
        self.reached = self.asked = offset
        self.chunk = chunk
        self.path = path
        self.flying: list[tuple[int, Ticket]] = []


class SendPack:
    """One pack on its way to one player. `here_bytes` of `pack.size_bytes` are there, as far as is known.

    `path(sha256)` is where a blob lies on this machine: a player on a socket that can read it there takes it itself.

    Raises `LinkError` and its kin; `RequestRefused` tells by its code why the player does not want the pack.
    """

    def __init__(
        self,
        link: CourierLink,
        pack: PackToSend,
        read: "Callable[[bytes, int, int], bytes]",
        path: "Callable[[bytes], bytes | None]" = _nowhere,
    ):
        self.pack = pack
        self.here_bytes = 0
        self.sent_bytes = 0
        self._link = link
        self._read = read
        self._path = path
        self._left = [(pack.pack_id, len(pack.signed)), *pack.blobs]
        self._done_bytes = 0
        self._restarts = 0
        self._wrong_hashes = 0
        self._blob: _Blob | None = None
        self._streams = self._fetches = True  # until the player says that it does not

    @property
    def is_sent(self) -> bool:
        """Whether every blob of it was there."""
        return not self._left

    def some(self, bytes_max: int) -> "Generator[Ticket | Pause, Response | None, bool]":
        """Send at most about so many bytes; whether the pack is there whole and was taken. Nothing stays under way."""
        try:
            return (yield from self._some(bytes_max, False))
        finally:
            self.leave()

    def more(self, bytes_max: int) -> "Generator[Ticket | Pause, Response | None, bool]":
        """As `some`, but a window of pieces stays under way, so that the line does not rest until the next call. Before
        it is given up for another, `leave` it."""
        return (yield from self._some(bytes_max, True))

    def leave(self) -> None:
        """Forget what is under way."""
        if self._blob is not None:
            self._link.cancel([ticket for _end, ticket in self._blob.flying])
            self._blob = None

    def _some(self, bytes_max: int, keeps: bool) -> "Generator[Ticket | Pause, Response | None, bool]":
        until = self.sent_bytes + bytes_max
        while self._left:
            sha256, size = self._left[0]
            try:
                if self._blob is None:
                    self._blob = yield from self._begin(sha256, size)
                if not (yield from self._move(self._blob, until, keeps)):
                    return False
                yield from _patiently(self._link, FINISH, sha256=sha256)
            except RequestRefused as error:
                self._begin_anew(error)
                continue
            self._blob, self._wrong_hashes = None, 0
            self._left.pop(0)
            self._done_bytes += size
            self.here_bytes = self._done_bytes
            if self.sent_bytes >= until and self._left:
                return False
        yield from activate_pack(self._link, self.pack.pack_id)
        return True

    def _begin_anew(self, error: RequestRefused) -> None:
        """The player rebooted and has forgotten the blob, or a power cut spoilt it: ask it again what it has."""
        self.leave()
        self._restarts += 1
        if error.code == WRONG_HASH:
            self._wrong_hashes += 1
            self._fetches = False  # where it lies there may be other bytes than here
        again = error.code in (NOT_BEGUN, OUT_OF_ORDER, WRONG_HASH)
        if not again or self._restarts > RESTARTS_MAX or self._wrong_hashes > WRONG_HASHES_MAX:
            raise error

    def _begin(self, sha256: bytes, size: int) -> "Generator[Ticket | Pause, Response | None, _Blob]":
        kind = BLOB_MANIFEST if sha256 == self.pack.pack_id else BLOB_CONTENT
        response = None
        if self._streams:
            try:
                response = yield from _patiently(self._link, BEGIN_STREAM, kind=kind, size=size, sha256=sha256)
            except RequestRefused as error:
                if error.code != UNKNOWN_VERB:
                    raise
                self._streams = False  # an older player, or a line that is none for it
        if response is None:
            response = yield from _patiently(self._link, BEGIN, kind=kind, size=size, sha256=sha256)
        offset, chunk = response.offset, response.size if self._streams else response.length
        if offset is None or chunk is None or offset > size or not chunk:
            raise TransferError("begin: expected an offset up to %d and a length, found %s" % (size, offset))
        chunk = min(chunk, STREAM_BYTES_MAX)
        if chunk > OFFER_CHUNK_BYTES_MAX:
            self._link.window_bytes = max(WINDOW_BYTES, WINDOW_REQUESTS * (chunk + OFFER_CHUNK_BYTES_MAX))
        fetches = self._streams and self._fetches and kind == BLOB_CONTENT
        return _Blob(sha256, size, offset, chunk, self._path(sha256) if fetches else None)

    def _move(self, blob: _Blob, until: int, keeps: bool) -> "Generator[Ticket | Pause, Response | None, bool]":
        """Bring the blob, or as much of it as until `sent_bytes` is `until`; whether it is there whole."""
        if blob.path is not None and not (yield from self._fetch(blob, until)):
            return False
        # At least one piece, so that every call gets on.
        end = blob.size if keeps else min(blob.size, blob.reached + max(until - self.sent_bytes, blob.chunk))
        while blob.reached < end:
            while blob.asked < end and len(blob.flying) <= WINDOW_REQUESTS:
                self._submit(blob, min(blob.chunk, end - blob.asked))
            reached, ticket = blob.flying[0]
            response = checked(PUT, (yield ticket))
            blob.flying.pop(0)
            if response.offset is None or not reached <= response.offset <= blob.size:
                raise TransferError("put: expected %d to %d, found %s" % (reached, blob.size, response.offset))
            self._reach(blob, reached)
            if keeps and self.sent_bytes >= until:
                break
        return blob.reached == blob.size

    def _submit(self, blob: _Blob, length: int) -> None:
        piece = self._piece(blob.sha256, blob.asked, length)
        if self._streams:
            request = Request(id=0, verb=STREAM, offset=blob.asked, size=length)
            ticket = self._link.submit(request, OFFER_TIMEOUT_MS, piece)
        else:
            ticket = self._link.submit(Request(id=0, verb=PUT, offset=blob.asked, data=piece))
        blob.asked += length
        blob.flying.append((blob.asked, ticket))

    def _fetch(self, blob: _Blob, until: int) -> "Generator[Ticket | Pause, Response | None, bool]":
        """Have the player take the blob from where it lies; False where `until` came first. What it cannot read there
        is left to be sent."""
        while blob.reached < blob.size:
            try:
                response = yield from _patiently(self._link, FETCH, data=blob.path)
            except RequestRefused as error:
                if error.code not in (UNKNOWN_VERB, BAD_OFFER):
                    raise
                self._fetches, blob.path = False, None
                break
            if response.offset is None or not blob.reached < response.offset <= blob.size:
                raise TransferError("fetch: expected %d to %d, found %s" % (blob.reached, blob.size, response.offset))
            self._reach(blob, response.offset)
            blob.asked = blob.reached
            if self.sent_bytes >= until and blob.reached < blob.size:
                return False
        return True

    def _reach(self, blob: _Blob, reached: int) -> None:
        self.sent_bytes += reached - blob.reached
        blob.reached = reached
        self.here_bytes = self._done_bytes + reached
        self._restarts = 0

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
    waited_ms, pause_ms = 0, 1
    while waited_ms < BUSY_MS_MAX:
        response = yield link.submit(Request(id=0, verb=verb, **fields), OFFER_TIMEOUT_MS)
        if response is None or response.code != BUSY:
            return checked(verb, response)
        yield Pause(pause_ms)
        waited_ms += pause_ms
        pause_ms = min(2 * pause_ms, BUSY_PAUSE_MS)
    raise TransferError("verb %d: expected an end to being busy in %d s" % (verb, BUSY_MS_MAX // 1000))
