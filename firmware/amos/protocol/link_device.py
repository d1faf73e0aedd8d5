"""The player's side of the link, sans-I/O: bytes in, bytes out, never an exception for what came from outside.

`DeviceLink(player)` needs of `player`:

    device, public_key      bytes (16, 32)
    firmware, board         str
    voices                  int
    sign_identity(nonce)    -> bytes (64), over `IDENTIFY_CONTEXT` and the nonce
    status()                -> Status
    list_segments(first)    -> list of (sequence, size, sha256), sealed and not trimmed, from `first` on, at most
                               LIST_ENTRIES_MAX
    read_segment(sequence, offset, length) -> bytes, or None when there is no such segment
    segment_size(sequence)  -> int, or None
    take_receipt(sequence, data) -> None; raises ProtocolError when the receipt does not verify
    set_tier(value), input(kind, value) -> None; raise ProtocolError when it cannot be taken now
"""

from amos.protocol.errors import ProtocolError
from amos.protocol.frames import FrameReader, frame
from amos.protocol.limits import READ_CHUNK_BYTES_MAX, RECEIPT_BYTES_MAX, REQUEST_BYTES_MAX
from amos.protocol.link import (
    BAD_FRAME,
    BAD_OFFER,
    BAD_REQUEST,
    IDENTIFY,
    INPUT,
    LIST,
    NOT_NOW,
    OFFER,
    OFFER_RECEIPT,
    OK,
    OUT_OF_ORDER,
    READ,
    SET_TIER,
    STATUS,
    UNKNOWN_SEQUENCE,
    UNKNOWN_VERB,
    Entry,
    Request,
    Response,
    decode_request,
)


class DeviceLink:
    """Answers requests in order. Holds one half-received offer and nothing else."""

    def __init__(self, player):
        self._player = player
        self._reader = FrameReader(REQUEST_BYTES_MAX)
        self._offer_of = (0, 0, 0)
        self._offer = bytearray()
        self._verbs = {
            IDENTIFY: self._identify,
            STATUS: self._status,
            LIST: self._list,
            READ: self._read,
            OFFER: self._offer_piece,
            SET_TIER: self._set_tier,
            INPUT: self._input,
        }

    @property
    def damaged(self) -> int:
        """Frames dropped so far because they were damaged."""
        return self._reader.damaged

    def feed(self, data) -> bytes:
        """Take bytes from the line in any pieces; the bytes to send back, maybe none."""
        damaged_before = self._reader.damaged
        answers = [self._answer(body) for body in self._reader.feed(data)]
        if self._reader.damaged > damaged_before:
            answers.append(Response(id=0, code=BAD_FRAME, text=_sentence(self._reader.last_error)))
        return b"".join(frame(answer.encode()) for answer in answers)

    def _answer(self, body: bytes) -> Response:
        try:
            request = decode_request(body)
        except ProtocolError as error:
            return Response(id=0, code=BAD_REQUEST, text=_sentence(error))
        verb = self._verbs.get(request.verb)
        if verb is None:
            return Response(id=request.id, code=UNKNOWN_VERB, text="verb %d is not known here" % request.verb)
        return verb(request)

    def _identify(self, request: Request) -> Response:
        player = self._player
        return Response(
            id=request.id,
            code=OK,
            device=player.device,
            public_key=player.public_key,
            signature=player.sign_identity(request.nonce),
            firmware=player.firmware,
            board=player.board,
            voices=player.voices,
        )

    def _status(self, request: Request) -> Response:
        return Response(id=request.id, code=OK, data=self._player.status().encode())

    def _list(self, request: Request) -> Response:
        segments = self._player.list_segments(request.sequence)
        entries = [Entry(sequence=sequence, size=size, sha256=digest) for sequence, size, digest in segments]
        return Response(id=request.id, code=OK, entries=entries)

    def _read(self, request: Request) -> Response:
        size = self._player.segment_size(request.sequence)
        if size is None:
            return Response(id=request.id, code=UNKNOWN_SEQUENCE, text="segment %d is not here" % request.sequence)
        length = min(request.length, READ_CHUNK_BYTES_MAX, max(size - request.offset, 0))
        data = self._player.read_segment(request.sequence, request.offset, length) if length else None
        return Response(id=request.id, code=OK, size=size, offset=request.offset, data=data)

    def _offer_piece(self, request: Request) -> Response:
        if request.kind != OFFER_RECEIPT or request.size > RECEIPT_BYTES_MAX:
            text = "expected a receipt of at most %d bytes" % RECEIPT_BYTES_MAX
            return Response(id=request.id, code=BAD_OFFER, text=text)
        key = (request.kind, request.sequence, request.size)
        if key != self._offer_of or request.offset == 0:
            self._offer_of, self._offer = key, bytearray()
        if request.offset != len(self._offer) or request.offset + len(request.data) > request.size:
            text = "expected the piece at %d" % len(self._offer)
            return Response(id=request.id, code=OUT_OF_ORDER, offset=len(self._offer), text=text)
        self._offer.extend(request.data)
        if len(self._offer) < request.size:
            return Response(id=request.id, code=OK, offset=len(self._offer))
        receipt, self._offer, self._offer_of = bytes(self._offer), bytearray(), (0, 0, 0)
        return self._attempt(request, BAD_OFFER, self._player.take_receipt, request.sequence, receipt)

    def _set_tier(self, request: Request) -> Response:
        return self._attempt(request, NOT_NOW, self._player.set_tier, request.value)

    def _input(self, request: Request) -> Response:
        return self._attempt(request, NOT_NOW, self._player.input, request.kind, request.value)

    def _attempt(self, request: Request, code: int, act, *arguments) -> Response:
        try:
            act(*arguments)
        except ProtocolError as error:
            return Response(id=request.id, code=code, text=_sentence(error))
        return Response(id=request.id, code=OK, offset=request.size)


def _sentence(error) -> str:
    # Printable ASCII only, so that 160 letters are 160 bytes whatever the message quotes.
    return "".join(letter if " " <= letter <= "~" else "?" for letter in str(error)[:160]) or "refused"
