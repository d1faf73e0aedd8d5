"""The player's side of the link, sans-I/O: bytes in, bytes out, never an exception for what came from outside.

`DeviceLink(player)` needs of `player`:

    identity                device_id, public_key: bytes (16, 32); firmware, board: str; voices: int;
                            key_history: bytes, or None when the key never changed;
                            sign_identity(nonce) -> bytes (64), over `IDENTIFY_CONTEXT` and the nonce
    status()                -> Status
    list_segments(first)    -> list of (sequence, size, sha256), sealed and not trimmed, from `first` on, at most
                               LIST_ENTRIES_MAX
    read_segment(sequence, offset, length) -> bytes, or None when there is no such segment
    segment_size(sequence)  -> int, or None
    take_receipt(sequence, data) -> None; raises ProtocolError when the receipt does not verify
    take_opt_outs(data), take_anchor(data), take_rotation(data), take_directive(data)
                            -> None; the same for an opt-out list, a time anchor, a rotation and a directive
    challenge()             -> bytes (16), the nonce that a time anchor is to answer
    set_tier(value), input(nonce, kind, value) -> None; raise ProtocolError when it cannot be taken now; an input that
                               was taken with that nonce does nothing more
    names(kind, first)      -> (pack id, how many there are, at most NAMES_MAX `Name`s from `first` on); raises
                               ProtocolError when none of that kind can be told now
    sounding()              -> bytes of a `link_sounding.Sounding`; raises ProtocolError while nothing plays
    read_logs(offset, length) -> (offset of the first byte, bytes, maybe none, offset after the last byte said)
    packs                   what `link_pack_device.PackVerbs` needs
"""

from amos.protocol.errors import NotNow, ProtocolError
from amos.protocol.frames import FrameReader, FrameWriter
from amos.protocol.limits import READ_CHUNK_BYTES_MAX, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX
from amos.protocol.link import (
    ACTIVATE,
    BAD_FRAME,
    BAD_OFFER,
    BAD_REQUEST,
    BEGIN,
    CHALLENGE,
    FINISH,
    FULL_STATUS,
    IDENTIFY,
    INPUT,
    KEY_HISTORY,
    LIST,
    LOGS,
    NAMES,
    NOT_NOW,
    OFFER,
    OFFER_DIRECTIVE,
    OFFER_OPT_OUTS,
    OFFER_RECEIPT,
    OFFER_ROTATION,
    OFFERS,
    OK,
    OUT_OF_ORDER,
    PUT,
    READ,
    REQUEST_NEEDS,
    SET_TIER,
    SOUNDING,
    STATUS,
    UNKNOWN_SEQUENCE,
    UNKNOWN_VERB,
    Entry,
    Response,
    decode_request,
    put_chunk_bytes,
)
from amos.protocol.link_pack_device import PackVerbs
from amos.protocol.printable import sentence

NO_ROOM = "expected room in memory, found none"


class DeviceLink:
    """Answers requests in order. Holds one half-received offer, a frame of each way, and nothing else.

    `request_bytes_max` bounds the body of a request: what the line's input buffer can hold with another.
    """

    def __init__(self, player, request_bytes_max: int = REQUEST_BYTES_MAX):
        self._player = player
        self._request_bytes_max = request_bytes_max
        self._reader = FrameReader(request_bytes_max)
        self._writer = FrameWriter(RESPONSE_BYTES_MAX)
        self._offer_of = (0, 0, 0)
        self._offer = bytearray()
        self._offered = 0
        packs = self._packs = PackVerbs(player, put_chunk_bytes(request_bytes_max))
        self._verbs = {
            IDENTIFY: self._identify,
            STATUS: self._status,
            LIST: self._list,
            READ: self._read,
            OFFER: self._offer_piece,
            SET_TIER: self._set_tier,
            INPUT: self._input,
            CHALLENGE: self._challenge,
            LOGS: self._logs,
            NAMES: self._names,
            FULL_STATUS: self._full_status,
            KEY_HISTORY: self._key_history,
            SOUNDING: self._sounding,
            BEGIN: packs.begin,
            PUT: packs.put,
            FINISH: packs.finish,
            ACTIVATE: packs.activate,
        }

    def another(self) -> "DeviceLink":
        """A link to the same player for a second line, with a conversation of its own."""
        return DeviceLink(self._player, self._request_bytes_max)

    @property
    def damaged(self) -> int:
        """Frames dropped so far because they were damaged."""
        return self._reader.damaged

    @property
    def within(self) -> bool:
        """Whether a request has begun and not ended."""
        return self._reader.within

    def serve(self, data, start: int, write) -> int:
        """Take bytes (or a bytearray) from `data[start:]`, in whatever pieces the line gave them, up to the end of one
        request, and `write(answer)`. Where the next request begins: who calls says when that is served, and a board
        needs room for one answer however many requests come at once.

        `answer` is a view of a buffer that the next answer overwrites.
        """
        damaged_before = self._reader.damaged
        body, end = self._reader.next(data, start)
        if body is not None:
            answer = self._answer(body)
            if answer is not None:
                write(self._framed(answer))
        elif self._reader.damaged > damaged_before:
            write(self._framed(Response(id=0, code=BAD_FRAME, text=sentence(self._reader.last_error))))
        return end

    def _framed(self, answer: Response) -> memoryview:
        try:
            return self._writer.write(answer.encode_pieces(bytes).parts)
        except MemoryError:
            refusal = Response(id=answer.id, code=NOT_NOW, text=NO_ROOM)
            return self._writer.write(refusal.encode_pieces(bytes).parts)

    def _answer(self, body: bytes) -> "Response | None":
        """None where the answer comes later."""
        try:
            request = decode_request(body, self._request_bytes_max)
        except ProtocolError as error:
            return Response(id=0, code=BAD_REQUEST, text=sentence(error))
        verb = self._verbs.get(request.verb)
        if verb is None:
            return Response(id=request.id, code=UNKNOWN_VERB, text="verb %d is not known here" % request.verb)
        try:
            return verb(request.id, *[getattr(request, name) for name in REQUEST_NEEDS[request.verb]])
        except MemoryError:
            # The board plays on. The courier may ask again: there may be more room then, or a shorter answer.
            self._offer, self._offered, self._offer_of = bytearray(), 0, (0, 0, 0)
            code = BAD_OFFER if request.verb == OFFER else NOT_NOW
            return Response(id=request.id, code=code, text=NO_ROOM)
        except NotNow as error:
            return Response(id=request.id, code=NOT_NOW, text=sentence(error))

    # One method a verb: the request's id, then the fields of `REQUEST_NEEDS`, which `Request.fault` has checked.

    def _identify(self, number: int, nonce: bytes) -> Response:
        identity = self._player.identity
        return Response(
            id=number,
            code=OK,
            device_id=identity.device_id,
            public_key=identity.public_key,
            signature=identity.sign_identity(nonce),
            firmware=identity.firmware,
            board=identity.board,
            voices=identity.voices,
        )

    def _status(self, number: int) -> Response:
        status = self._player.status()
        status.directive_serial = status.directive_refused = None
        status.output_kind = status.pace = None  # a courier of 0.1.0 asks, and refuses a field that it does not know
        return Response(id=number, code=OK, data=status.encode())

    def _full_status(self, number: int) -> Response:
        return Response(id=number, code=OK, data=self._player.status().encode())

    def _key_history(self, number: int) -> Response:
        return Response(id=number, code=OK, data=self._player.identity.key_history)

    def _list(self, number: int, first: int) -> Response:
        segments = self._player.list_segments(first)
        entries = [Entry(sequence=sequence, size=size, sha256=digest) for sequence, size, digest in segments]
        return Response(id=number, code=OK, entries=entries)

    def _read(self, number: int, sequence: int, offset: int, length: int) -> Response:
        size = self._player.segment_size(sequence)
        if size is None:
            return Response(id=number, code=UNKNOWN_SEQUENCE, text="segment %d is not here" % sequence)
        length = min(length, READ_CHUNK_BYTES_MAX, max(size - offset, 0))
        data = self._player.read_segment(sequence, offset, length) if length else None
        return Response(id=number, code=OK, size=size, offset=offset, data=data)

    def _offer_piece(self, number: int, kind: int, sequence: int, size: int, offset: int, data: bytes) -> Response:
        name, bytes_max = OFFERS.get(kind, ("known kind", 0))
        if size > bytes_max:
            text = "expected a %s of at most %d bytes" % (name, bytes_max)
            return Response(id=number, code=BAD_OFFER, text=text)
        key = (kind, sequence, size)
        if key != self._offer_of or offset == 0:
            # Room for the whole at once: growing piece by piece would leave a board's heap in pieces.
            self._offer_of, self._offer, self._offered = key, bytearray(size), 0
        if offset != self._offered or offset + len(data) > size:
            text = "expected the piece at %d" % self._offered
            return Response(id=number, code=OUT_OF_ORDER, offset=self._offered, text=text)
        self._offer[offset : offset + len(data)] = data
        self._offered += len(data)
        if self._offered < size:
            return Response(id=number, code=OK, offset=self._offered)
        whole, self._offer, self._offered, self._offer_of = bytes(self._offer), bytearray(), 0, (0, 0, 0)
        refused = self._take_offer(kind, sequence, whole)
        if refused is None:
            return Response(id=number, code=OK, offset=size)
        return Response(id=number, code=BAD_OFFER, text=refused)

    def _take_offer(self, kind: int, sequence: int, data: bytes) -> "str | None":
        """Give the offer to the player. Returns its sentence when it refuses, else None."""
        player = self._player
        if kind == OFFER_RECEIPT:
            return _refusal(player.take_receipt, sequence, data)
        if kind == OFFER_ROTATION:
            return _refusal(player.take_rotation, data)
        if kind == OFFER_DIRECTIVE:
            return _refusal(player.take_directive, data)
        return _refusal(player.take_opt_outs if kind == OFFER_OPT_OUTS else player.take_anchor, data)

    def _challenge(self, number: int) -> Response:
        return Response(id=number, code=OK, data=self._player.challenge())

    def _set_tier(self, number: int, value: int) -> Response:
        refused = _refusal(self._player.set_tier, value)
        return Response(id=number, code=OK if refused is None else NOT_NOW, text=refused)

    def _input(self, number: int, nonce: bytes, kind: int, value: int) -> Response:
        refused = _refusal(self._player.input, nonce, kind, value)
        return Response(id=number, code=OK if refused is None else NOT_NOW, text=refused)

    def _logs(self, number: int, offset: int, length: int) -> Response:
        first, data, end = self._player.read_logs(offset, min(length, READ_CHUNK_BYTES_MAX))
        return Response(id=number, code=OK, offset=first, size=end, data=data or None)

    def _sounding(self, number: int) -> Response:
        try:
            data = self._player.sounding()
        except ProtocolError as error:
            return Response(id=number, code=NOT_NOW, text=sentence(error))
        return Response(id=number, code=OK, data=data)

    def _names(self, number: int, kind: int, first: int) -> Response:
        try:
            pack, count, names = self._player.names(kind, first)
        except ProtocolError as error:
            return Response(id=number, code=NOT_NOW, text=sentence(error))
        return Response(id=number, code=OK, pack=pack, size=count, offset=first, names=names)


def _refusal(act, *arguments) -> "str | None":
    """Call `act`. Returns the sentence of the `ProtocolError` that it raises, else None."""
    try:
        act(*arguments)
    except ProtocolError as error:
        return sentence(error)
    return None
