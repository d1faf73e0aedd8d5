"""Requests and responses between courier and player (protocol/SPEC.md section 7).

The courier asks, the player answers. Every request is idempotent: a lost answer is asked for again.
Bytes that carry authority carry their own signature.
"""

from amos.protocol.errors import MessageError
from amos.protocol.limits import (
    ANCHOR_BYTES_MAX,
    APPOINTMENT_BYTES_MAX,
    DIRECTIVE_BYTES_MAX,
    LIST_ENTRIES_MAX,
    NAMES_MAX,
    NONCE_BYTES_MAX,
    NONCE_BYTES_MIN,
    OPT_OUTS_BYTES_MAX,
    PUT_CHUNK_BYTES_MAX,
    READ_CHUNK_BYTES_MAX,
    RECEIPT_BYTES_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_OVERHEAD_BYTES_MAX,
    RESPONSE_BYTES_MAX,
    SMALL_TEXT_BYTES_MAX,
    STATUS_BYTES_MAX,
)
from amos.protocol.link_name import Name
from amos.protocol.record import U8, U16, U32, U63, Record
from amos.protocol.segment import OUTPUT_KINDS, PACES

IDENTIFY = 1
STATUS = 2
LIST = 3
READ = 4
OFFER = 5
SET_TIER = 6
INPUT = 7
BEGIN = 8
PUT = 9
FINISH = 10
ACTIVATE = 11
CHALLENGE = 16
LOGS = 20
NAMES = 21
FULL_STATUS = 22
KEY_HISTORY = 23
BEGIN_STREAM = 24
STREAM = 25
FETCH = 26
SOUNDING = 27

IDENTIFY_CONTEXT = b"amos/1/identify\x00"
"""Put before a courier's nonce before the device signs it, so that no other message can be meant."""

OFFER_RECEIPT = 1
OFFER_OPT_OUTS = 2
OFFER_ANCHOR = 3
OFFER_ROTATION = 4
OFFER_DIRECTIVE = 5

OFFERS = {
    OFFER_RECEIPT: ("receipt", RECEIPT_BYTES_MAX),
    OFFER_OPT_OUTS: ("opt-out list", OPT_OUTS_BYTES_MAX),
    OFFER_ANCHOR: ("time anchor", ANCHOR_BYTES_MAX),
    OFFER_ROTATION: ("rotation", APPOINTMENT_BYTES_MAX),
    OFFER_DIRECTIVE: ("directive", DIRECTIVE_BYTES_MAX),
}
"""Kind of offer -> its name, and its size at most. `sequence` is that of a receipt's segment, else 0."""

BLOB_MANIFEST = 1
BLOB_CONTENT = 2
"""What BEGIN announces: a pack's manifest, or a blob that the manifest announced before it lists."""

OFFER_CHUNK_BYTES_MAX = 192
"""Data bytes of one offer request, so that the whole stays within `REQUEST_BYTES_MAX`."""

REQUEST_NEEDS = {
    IDENTIFY: ("nonce",),
    STATUS: (),
    LIST: ("sequence",),
    READ: ("sequence", "offset", "length"),
    OFFER: ("kind", "sequence", "size", "offset", "data"),
    SET_TIER: ("value",),
    INPUT: ("nonce", "kind", "value"),
    BEGIN: ("kind", "size", "sha256"),
    PUT: ("offset", "data"),
    FINISH: ("sha256",),
    ACTIVATE: ("sha256",),
    CHALLENGE: (),
    LOGS: ("offset", "length"),
    NAMES: ("kind", "offset"),
    FULL_STATUS: (),
    KEY_HISTORY: (),
    BEGIN_STREAM: ("kind", "size", "sha256"),
    STREAM: ("offset", "size"),
    FETCH: ("data",),
    SOUNDING: (),
}
"""Verb -> the fields its request carries, no more and no fewer."""

OK = 0
BAD_FRAME = 1
BAD_REQUEST = 2
UNKNOWN_VERB = 3
UNKNOWN_SEQUENCE = 4
BAD_OFFER = 5
OUT_OF_ORDER = 6
NOT_NOW = 7
BUSY = 8
STORAGE_FULL = 9
STORAGE_FAILED = 10
NOT_BEGUN = 11
NOT_LISTED = 12
WRONG_HASH = 13
BAD_MANIFEST = 14
WRONG_BOARD = 15
OLD_SERIAL = 16
INCOMPLETE = 17
BAD_SCORE = 18


class Request(Record):
    """One request; which optional fields it carries follows from its verb (`REQUEST_NEEDS`)."""

    NAME = "request"
    FIELDS = (
        (1, "id", "uint", U16),
        (2, "verb", "uint", U8),
        (3, "nonce", "blob?", NONCE_BYTES_MAX),
        (4, "sequence", "uint?", U63),
        (5, "offset", "uint?", U32),
        (6, "length", "uint?", READ_CHUNK_BYTES_MAX),
        (7, "size", "uint?", U32),
        (8, "data", "blob?", PUT_CHUNK_BYTES_MAX),
        (9, "kind", "uint?", U8),
        (10, "value", "int?", U32 // 2),
        (11, "sha256", "bytes?", 32),
    )

    id: int
    verb: int
    nonce: "bytes | None"
    sequence: "int | None"
    offset: "int | None"
    length: "int | None"
    size: "int | None"
    data: "bytes | None"
    kind: "int | None"
    value: "int | None"
    sha256: "bytes | None"

    def fault(self) -> "str | None":
        needs = REQUEST_NEEDS.get(self.verb)
        if needs is None:
            return None  # answered with UNKNOWN_VERB, so that a newer courier learns what an older player lacks
        for _key, name, kind, _bound in self.FIELDS:
            if kind.endswith("?") and (name in needs) != (getattr(self, name) is not None):
                return "%s: expected %s with verb %d" % (name, "it" if name in needs else "none", self.verb)
        if self.nonce is not None and len(self.nonce) < NONCE_BYTES_MIN:
            return "nonce: expected at least %d bytes" % NONCE_BYTES_MIN
        if self.verb == OFFER and len(self.data or b"") > OFFER_CHUNK_BYTES_MAX:
            return "data: expected at most %d bytes with verb %d" % (OFFER_CHUNK_BYTES_MAX, OFFER)
        return None


class Entry(Record):
    """A sealed segment as named in a list answer."""

    NAME = "entry"
    FIELDS = ((1, "sequence", "uint", U63), (2, "size", "uint", U32), (3, "sha256", "bytes", 32))

    sequence: int
    size: int
    sha256: bytes


class Response(Record):
    """The answer to the request with the same `id` (0 where a damaged frame hid it)."""

    NAME = "response"
    FIELDS = (
        (1, "id", "uint", U16),
        (2, "code", "uint", U8),
        (3, "text", "text?", 160),
        (4, "device_id", "bytes?", 16),
        (5, "public_key", "bytes?", 32),
        (6, "signature", "bytes?", 64),
        (7, "firmware", "text?", SMALL_TEXT_BYTES_MAX),
        (8, "entries", "records?", (Entry, LIST_ENTRIES_MAX)),
        (9, "size", "uint?", U32),
        (10, "data", "blob?", READ_CHUNK_BYTES_MAX),
        (11, "offset", "uint?", U32),
        (12, "board", "text?", SMALL_TEXT_BYTES_MAX),
        (13, "voices", "uint?", 32),
        (14, "length", "uint?", PUT_CHUNK_BYTES_MAX),
        (15, "names", "records?", (Name, NAMES_MAX)),
        (16, "pack", "bytes?", 32),
    )

    id: int
    code: int
    text: "str | None"
    device_id: "bytes | None"
    public_key: "bytes | None"
    signature: "bytes | None"
    firmware: "str | None"
    entries: "list[Entry] | None"
    size: "int | None"
    data: "bytes | None"
    offset: "int | None"
    board: "str | None"
    voices: "int | None"
    length: "int | None"
    names: "list[Name] | None"
    pack: "bytes | None"


STATE_STOPPED = 0
STATE_PLAYING = 1
STATE_PAUSED = 2
STATE_FULL = 3
STATE_FAULT = 4
STATES = ("stopped", "playing", "paused", "storage full", "fault")

OUTPUT_NONE = 0
OUTPUT_OK = 1
OUTPUT_SILENT = 2
OUTPUT_LOST = 3
OUTPUTS = ("none", "ok", "silent", "lost")
"""none: no session; silent: nothing but zeros is delivered while placements should sound; lost: its device is gone."""


class Status(Record):
    """What a player says of itself; the courier publishes it (retained) with the device's topic.

    Verb STATUS answers without fields 25 to 28, which couriers of 0.1.0 do not know; FULL_STATUS has them.
    """

    NAME = "status"
    FIELDS = (
        (1, "device_id", "bytes", 16),
        (2, "state", "uint", len(STATES) - 1),
        (3, "firmware", "text", SMALL_TEXT_BYTES_MAX),
        (4, "boot", "uint", U32),
        (5, "session", "uint", U32),
        (6, "frame", "uint", U63),
        (7, "rate_hz", "uint", 192000),
        (8, "uptime_ms", "uint", U63),
        (9, "next_sequence", "uint", U63),
        (10, "last_receipted", "uint", U63),
        (11, "unsynced_ms", "uint", U63),
        (12, "clock", "uint", 3),
        (13, "pack", "bytes", 32),
        (14, "tier", "uint", U8),
        (15, "underruns", "uint", U32),
        (16, "damaged_frames", "uint", U32),
        (17, "trimmed", "uint", U63),
        (18, "text", "text?", 160),
        (19, "output", "uint", len(OUTPUTS) - 1),
        (20, "spare_segments", "uint", U32),
        (21, "failed_writes", "uint", U32),
        (22, "lease_seconds_left", "uint?", U63),
        (23, "opt_outs_serial", "uint?", U63),
        (24, "spoilt_blobs", "uint", U32),
        (25, "output_kind", "uint?", len(OUTPUT_KINDS) - 1),
        (26, "pace", "uint?", len(PACES) - 1),
        (27, "directive_serial", "uint?", U63),
        (28, "directive_refused", "text?", 160),
    )

    device_id: bytes
    state: int
    firmware: str
    boot: int
    session: int
    frame: int
    rate_hz: int
    uptime_ms: int
    next_sequence: int
    last_receipted: int
    unsynced_ms: int
    clock: int
    pack: bytes
    tier: int
    underruns: int
    damaged_frames: int
    trimmed: int
    text: "str | None"
    output: int
    spare_segments: int
    failed_writes: int
    lease_seconds_left: "int | None"
    opt_outs_serial: "int | None"
    spoilt_blobs: int
    output_kind: "int | None"
    pace: "int | None"
    directive_serial: "int | None"
    directive_refused: "str | None"


def put_chunk_bytes(request_bytes_max: int) -> int:
    """Data bytes of a put to a player that takes request bodies of so many bytes."""
    return min(request_bytes_max - REQUEST_OVERHEAD_BYTES_MAX, PUT_CHUNK_BYTES_MAX)


def decode_request(body, bytes_max: int = REQUEST_BYTES_MAX) -> Request:
    """A request as the player takes it. Raises `CborError`, `MessageError`."""
    if len(body) > bytes_max:
        raise MessageError("request: expected at most %d bytes, found %d" % (bytes_max, len(body)))
    return Request.decode(body)


def decode_response(body) -> Response:
    """A response as the courier takes it. Raises `CborError`, `MessageError`."""
    if len(body) > RESPONSE_BYTES_MAX:
        raise MessageError("response: expected at most %d bytes, found %d" % (RESPONSE_BYTES_MAX, len(body)))
    return Response.decode(body)


def decode_status(data) -> Status:
    """A status message. Raises `CborError`, `MessageError`."""
    if len(data) > STATUS_BYTES_MAX:
        raise MessageError("status: expected at most %d bytes, found %d" % (STATUS_BYTES_MAX, len(data)))
    return Status.decode(data)
