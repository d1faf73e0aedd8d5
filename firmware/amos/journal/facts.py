"""Payloads of journal records, as tables like the protocol's messages."""

from array import array

from amos.compat import const
from amos.journal.record import COUNT_MAX
from amos.protocol.limits import SEGMENT_INPUTS_MAX, SEGMENT_ROWS_MAX
from amos.protocol.record import U8, U32, U64, Record
from amos.protocol.segment import FIRST_PREVIOUS, OUTPUT_KINDS, PACES, VERSION, VERSION_WITHOUT_OUTPUT

SECTOR_BYTES = (512, 1024, 2048, 4096)
_DEVICE_BYTES = const(16)
NOBODY = bytes(_DEVICE_BYTES)


class State(Record):
    """The counters as they are, and where the next sealed segment goes: all before it there was acknowledged.

    `skipped_*`: sequence numbers that may have gone with another medium, and are not used here (0, 0: none).
    """

    NAME = "state"
    FIELDS = (
        (1, "boot", "uint", U32),
        (2, "session", "uint", U32),
        (3, "last_sequence", "uint", COUNT_MAX),
        (4, "last_sha256", "bytes", 32),
        (5, "receipted", "uint", COUNT_MAX),
        (6, "segments_head", "uint", COUNT_MAX),
        (7, "segments_number", "uint", COUNT_MAX),
        (8, "skipped_first", "uint", COUNT_MAX),
        (9, "skipped_last", "uint", COUNT_MAX),
    )

    boot: int
    session: int
    last_sequence: int
    last_sha256: bytes
    receipted: int
    segments_head: int
    segments_number: int
    skipped_first: int
    skipped_last: int


def no_state() -> State:
    """The counters of a device that has never run."""
    return State(
        boot=0,
        session=0,
        last_sequence=0,
        last_sha256=FIRST_PREVIOUS,
        receipted=0,
        segments_head=0,
        segments_number=0,
        skipped_first=0,
        skipped_last=0,
    )


class Superblock(Record):
    """Where recovery begins in each zone, and the `State` at that moment. Positions count sectors and never wrap.

    `device_id`: whose ring it is, `NOBODY` where nobody said.
    """

    NAME = "superblock"
    FIELDS = (
        (1, "generation", "uint", COUNT_MAX),
        (2, "salt", "uint", U32),
        (3, "sector_bytes", "uint", 4096),
        (4, "sector_count", "uint", U32),
        (5, "rows_sectors", "uint", U32),
        (6, "rows_tail", "uint", COUNT_MAX),
        (7, "rows_number", "uint", COUNT_MAX),
        (8, "segments_tail", "uint", COUNT_MAX),
        (9, "segments_number", "uint", COUNT_MAX),
        (10, "state", "records", (State, 1)),
        (11, "device_id", "bytes", _DEVICE_BYTES),
    )

    generation: int
    salt: int
    sector_bytes: int
    sector_count: int
    rows_sectors: int
    rows_tail: int
    rows_number: int
    segments_tail: int
    segments_number: int
    state: "list[State]"
    device_id: bytes

    def fault(self) -> "str | None":
        if len(self.state) != 1 or not 0 < self.rows_sectors < self.sector_count - 2:
            return "expected one state, and sectors for segments"
        if self.sector_bytes not in SECTOR_BYTES:
            return "sector_bytes: expected 512 to 4096, found %d" % self.sector_bytes
        return None


class Reserved(Record):
    """What is kept beside the key (reservation.py), of the time when it was written.

    boot            counter      session   numbers up to this one may have been used
    sealed          the last sealed segment, and its hash
    receipted       as the journal's
    until           sequence numbers below it may have been seen by others
    salt            of the ring
    """

    NAME = "reserved"
    FIELDS = (
        (1, "generation", "uint", COUNT_MAX),
        (2, "device_id", "bytes", _DEVICE_BYTES),
        (3, "salt", "uint", U32),
        (4, "boot", "uint", U32),
        (5, "session", "uint", U32),
        (6, "sealed", "uint", COUNT_MAX),
        (7, "sealed_sha256", "bytes", 32),
        (8, "receipted", "uint", COUNT_MAX),
        (9, "until", "uint", COUNT_MAX),
    )

    generation: int
    device_id: bytes
    salt: int
    boot: int
    session: int
    sealed: int
    sealed_sha256: bytes
    receipted: int
    until: int

    def fault(self) -> "str | None":
        if not self.receipted <= self.sealed < self.until:
            return "expected receipted <= sealed < until"
        return None


class Opened(Record):
    """A segment begins: everything of `Usage` that is known at its start. Nothing is metered before this is stored."""

    NAME = "opened"
    FIELDS = (
        (1, "boot", "uint", U32),
        (2, "session", "uint", U32),
        (3, "start_state", "bytes", 32),
        (4, "first_frame", "uint", U64),
        (5, "rate_hz", "uint", 192000),
        (6, "start_ms", "uint", U64),
        (7, "clock", "uint", 3),
        (8, "anchor_unix_ms", "uint?", U64),
        (9, "anchor_ms", "uint?", U64),
        (10, "pack", "bytes", 32),
        (11, "score", "bytes", 32),
        (12, "tier", "uint", U8),
        (13, "output_kind", "uint?", len(OUTPUT_KINDS) - 1),
        (14, "pace", "uint?", len(PACES) - 1),
        (15, "seed_root", "bytes?", 32),
    )

    boot: int
    session: int
    start_state: bytes
    first_frame: int
    rate_hz: int
    start_ms: int
    clock: int
    anchor_unix_ms: "int | None"
    anchor_ms: "int | None"
    pack: bytes
    score: bytes
    tier: int
    output_kind: "int | None"
    pace: "int | None"
    seed_root: "bytes | None"

    def fault(self) -> "str | None":
        present = [value is not None for value in (self.output_kind, self.pace, self.seed_root)]
        if present != [present[0]] * 3 or 0 in (self.output_kind, self.pace):
            return "output_kind, pace and seed_root: expected all three, or none as before record version 2"
        return None

    @property
    def usage_version(self) -> int:
        """The version of the segment that begins here: an older firmware may have opened it."""
        return VERSION_WITHOUT_OUTPUT if self.output_kind is None else VERSION


class Flushed(Record):
    """What was metered since the last flush: rows that are final, and from `open_from` on those that still sound.

    After a power cut the final rows of all flushes count, and the open ones of the last flush only. Starts are relative
    to the segment's first frame.
    """

    NAME = "flushed"
    FIELDS = (
        (1, "end_frame", "uint", U64),
        (2, "end_ms", "uint", U64),
        (3, "delivered_frames", "uint", U64),
        (4, "silent_frames", "uint", U64),
        (5, "underruns", "uint", U32),
        (6, "open_from", "uint", SEGMENT_ROWS_MAX),
        (7, "stems", "H", SEGMENT_ROWS_MAX),
        (8, "starts", "I", SEGMENT_ROWS_MAX),
        (9, "frames", "I", SEGMENT_ROWS_MAX),
        (10, "flags", "B", SEGMENT_ROWS_MAX),
        (11, "input_starts", "I", SEGMENT_INPUTS_MAX),
        (12, "input_kinds", "B", SEGMENT_INPUTS_MAX),
        (13, "input_values", "i", SEGMENT_INPUTS_MAX),
    )

    end_frame: int
    end_ms: int
    delivered_frames: int
    silent_frames: int
    underruns: int
    open_from: int
    stems: "array[int]"
    starts: "array[int]"
    frames: "array[int]"
    flags: "array[int]"
    input_starts: "array[int]"
    input_kinds: "array[int]"
    input_values: "array[int]"

    def fault(self) -> "str | None":
        if not len(self.stems) == len(self.starts) == len(self.frames) == len(self.flags) >= self.open_from:
            return "rows: expected columns of one length"
        if not len(self.input_starts) == len(self.input_kinds) == len(self.input_values):
            return "inputs: expected columns of one length"
        return None
