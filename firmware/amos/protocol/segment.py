"""The usage segment: what was metered, sealed, chained and signed by the device key (SPEC section 3)."""

from array import array

from amos.protocol.cbor import Pieces
from amos.protocol.cose import TYP_USAGE, parse_typed, sign_pieces
from amos.protocol.errors import LocalError
from amos.protocol.limits import SEGMENT_BYTES_MAX, SEGMENT_INPUTS_MAX, SEGMENT_ROWS_MAX, STEMS_MAX
from amos.protocol.record import U8, U32, U63, UNIX_MS_MAX, Record

VERSION = 2
VERSION_WITHOUT_OUTPUT = 1
"""Written by players that did not yet say what they played into; readers take both."""

TIER_RENDERER = 255
"""The tier of devices enrolled to render: faster than real time, into files or nowhere. A player is never in it."""

FLAG_BEGIN = 1
"""The placement begins in this row."""
FLAG_CONTINUE = 2
"""The row continues a placement of an earlier row."""
FLAG_END = 4
"""The placement ends in this row."""
FLAG_ABORTED = 8
"""The output stopped before the placement's end."""
FLAG_POWER_LOSS = 16
"""Power was lost while the placement sounded; what is counted is what had been flushed."""
FLAG_OPT_OUT = 32
"""Faded because its stem was withdrawn: an opt-out, or the end of its lease."""
FLAGS_ALL = 63

CLOCK_UNKNOWN = 0
CLOCK_INFORMATIVE = 1
CLOCK_SYNCHRONISED = 2
CLOCK_RELATIVE = 3
"""Clock status in the manner of signed energy meters (OCMF): unknown, informative, synchronised, relative."""

SEAL_INTERVAL = 1
SEAL_FULL = 2
SEAL_PACK = 3
SEAL_TIER = 4
SEAL_SESSION = 5
SEAL_SHUTDOWN = 6
SEAL_POWER_LOSS = 7
SEAL_OUTPUT = 8

LOST_STORAGE = 1
LOST_DAMAGED = 2

OUTPUT_KIND_NULL = 4
OUTPUT_KINDS = ("", "alsa", "i2s", "wav", "null")
"""What the samples were delivered to."""

PACES = ("", "clocked", "free")
"""In real time, or as fast as the machine could."""

NO_SEED_ROOT = bytes(32)
"""`seed_root` of a player that has had no receipt yet."""

FIRST_PREVIOUS = bytes(32)
"""`previous` of a device's first segment."""


class Usage(Record):
    """Payload of a usage segment. Frames are of the session's sample clock; milliseconds of the monotonic clock."""

    NAME = "usage"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "device_id", "bytes", 16),
        (3, "sequence", "uint", U63),
        (4, "previous", "bytes", 32),
        (5, "boot", "uint", U32),
        (6, "session", "uint", U32),
        (7, "start_state", "bytes", 32),
        (8, "first_frame", "uint", U63),
        (9, "end_frame", "uint", U63),
        (10, "rate_hz", "uint", 192000),
        (11, "start_ms", "uint", U63),
        (12, "end_ms", "uint", U63),
        (13, "clock", "uint", 3),
        (14, "anchor_unix_ms", "uint?", UNIX_MS_MAX),
        (15, "anchor_ms", "uint?", U63),
        (16, "pack", "bytes", 32),
        (17, "score", "bytes", 32),
        (18, "tier", "uint", U8),
        (19, "stems", "H", SEGMENT_ROWS_MAX),
        (20, "starts", "I", SEGMENT_ROWS_MAX),
        (21, "frames", "I", SEGMENT_ROWS_MAX),
        (22, "flags", "B", SEGMENT_ROWS_MAX),
        (23, "input_starts", "I", SEGMENT_INPUTS_MAX),
        (24, "input_kinds", "B", SEGMENT_INPUTS_MAX),
        (25, "input_values", "i", SEGMENT_INPUTS_MAX),
        (26, "delivered_frames", "uint", U63),
        (27, "underruns", "uint", U32),
        (28, "silent_frames", "uint", U63),
        (29, "pcm_sha256", "bytes", 32),
        (30, "reason", "uint", SEAL_OUTPUT),
        (31, "lost_first", "uint?", U63),
        (32, "lost_last", "uint?", U63),
        (33, "lost_reason", "uint?", LOST_DAMAGED),
        (34, "output_kind", "uint?", len(OUTPUT_KINDS) - 1),
        (35, "pace", "uint?", len(PACES) - 1),
        (36, "seed_root", "bytes?", 32),
    )

    version: int
    device_id: bytes
    sequence: int
    previous: bytes
    boot: int
    session: int
    start_state: bytes
    first_frame: int
    end_frame: int
    rate_hz: int
    start_ms: int
    end_ms: int
    clock: int
    anchor_unix_ms: "int | None"
    anchor_ms: "int | None"
    pack: bytes
    score: bytes
    tier: int
    stems: "array[int]"
    starts: "array[int]"
    frames: "array[int]"
    flags: "array[int]"
    input_starts: "array[int]"
    input_kinds: "array[int]"
    input_values: "array[int]"
    delivered_frames: int
    underruns: int
    silent_frames: int
    pcm_sha256: bytes
    reason: int
    lost_first: "int | None"
    lost_last: "int | None"
    lost_reason: "int | None"
    output_kind: "int | None"
    pace: "int | None"
    seed_root: "bytes | None"

    def fault(self) -> "str | None":
        span = self.end_frame - self.first_frame
        return self.facts_fault() or self._row_fault(span) or self._input_fault(span)

    def facts_fault(self) -> "str | None":
        """As `fault`, but for the columns."""
        if self.version not in (VERSION_WITHOUT_OUTPUT, VERSION):
            return "version: expected %d or %d, found %d" % (VERSION_WITHOUT_OUTPUT, VERSION, self.version)
        fault = self._source_fault()
        if fault:
            return fault
        if self.sequence < 1 or self.reason < 1 or self.rate_hz < 8000:
            return "sequence, reason and rate: expected at least 1, 1 and 8000"
        span = self.end_frame - self.first_frame
        if span < 0 or self.end_ms < self.start_ms:
            return "end: expected not before the start"
        if self.delivered_frames > span or self.silent_frames > self.delivered_frames:
            return "delivered: expected silent <= delivered <= %d frames" % span
        if (self.anchor_unix_ms is None) != (self.anchor_ms is None):
            return "anchor: expected both instants or none"
        if (self.lost_first is None) != (self.lost_last is None) or (self.lost_first is None) != (
            self.lost_reason is None
        ):
            return "lost: expected first, last and reason, or none"
        # Not `last == sequence - 1`: what is damaged may lie before segments that are whole.
        first, last = self.lost_first, self.lost_last
        if first is not None and last is not None and not 1 <= first <= last < self.sequence:
            return "lost: expected 1 <= first <= last < %d" % self.sequence
        if self.lost_reason == 0:
            return "lost_reason: expected 1 or 2, found 0"
        return None

    def _source_fault(self) -> "str | None":
        present = [value is not None for value in (self.output_kind, self.pace, self.seed_root)]
        if present != [self.version == VERSION] * 3:
            return "output_kind, pace and seed_root: expected all three in version %d, none before" % VERSION
        if self.output_kind == 0 or self.pace == 0:
            return "output_kind and pace: expected at least 1"
        return None

    def _row_fault(self, span: int) -> "str | None":
        if not len(self.stems) == len(self.starts) == len(self.frames) == len(self.flags):
            return "rows: expected columns of one length"
        start = 0
        for index in range(len(self.stems)):
            start += self.starts[index]
            frames = self.frames[index]
            if frames == 0 or start + frames > span:
                return "row %d: expected 1 frame or more within %d, found %d + %d" % (index, span, start, frames)
            if self.stems[index] >= STEMS_MAX or self.flags[index] > FLAGS_ALL:
                return "row %d: expected a stem below %d and known flags" % (index, STEMS_MAX)
        return None

    def _input_fault(self, span: int) -> "str | None":
        if not len(self.input_starts) == len(self.input_kinds) == len(self.input_values):
            return "inputs: expected columns of one length"
        if sum(self.input_starts) > span:
            return "inputs: expected within %d frames" % span
        return None

    def rows(self) -> list:
        """The rows as (stem, start_frame, frames, flags), starts in the session's sample clock."""
        result = []
        start = self.first_frame
        for index in range(len(self.stems)):
            start += self.starts[index]
            result.append((self.stems[index], start, self.frames[index], self.flags[index]))
        return result

    def played_frames(self) -> int:
        """Sum of the rows' frames: stem-time of the segment."""
        return sum(self.frames)

    def delivered_ms(self) -> int:
        """How long the delivered frames last, in whole milliseconds."""
        return self.delivered_frames * 1000 // self.rate_hz


def input_columns(inputs, first_frame: int):
    """(starts, kinds, values) of inputs (frame, kind, value) in order of frame."""
    starts, kinds, values = array("I"), array("B"), array("i")
    previous = first_frame
    for frame, kind, value in inputs:
        if not (0 <= frame - previous <= U32 and 0 <= kind <= U8 and -(1 << 31) <= value < 1 << 31):
            raise LocalError("input: expected frame, kind and value in range, found %r" % ((frame, kind, value),))
        starts.append(frame - previous)
        kinds.append(kind)
        values.append(value)
        previous = frame
    return starts, kinds, values


def sign_usage_pieces(usage: Usage, sign_message, content, kid=None) -> Pieces:
    """The segment's bytes, at most `SEGMENT_BYTES_MAX`, without a copy of the columns, whose bytes `content(column)`
    gives; `sign_message(message: Pieces) -> 64 bytes` by the device key, whose id is `kid`: its first key without."""
    return sign_pieces(usage.encode_pieces(content), TYP_USAGE, kid or usage.device_id, sign_message)


def claimed_device_id(data) -> bytes:
    """Whose a segment says that it is, unverified. Raises `CoseError`, `CborError`, `MessageError`."""
    return Usage.decode(parse_typed(data, TYP_USAGE, SEGMENT_BYTES_MAX).payload).device_id
