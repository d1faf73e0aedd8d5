"""Every way in which a ring can be less than whole, as sentences that say what to do, or what the player will do."""

import hashlib
from collections.abc import Iterator

from amos.journal.segments import HEAD_BYTES, Stored
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_tools.journal.ring_file import RingFile


def findings(file: RingFile) -> Iterator[str]:
    """One sentence for each thing wrong. A torn tail is none: a power cut may leave it, and it was never promised."""
    if not file.blocks:
        yield "both superblocks are damaged; the player finds the ring by its records, as here, and writes them anew"
    elif len(file.blocks) < 2:
        yield "one superblock is damaged; the player writes it anew when it starts"
    yield from (note for note in file.ring.notes if "had been cut" in note)
    for zone, name in ((file.ring.rows, "rows"), (file.ring.segments, "segments")):
        for start, end in zone.damage:
            if end is not None:
                yield f"{name}: damage from sector position {start} to {end}; the player sets it aside when it starts"
    for note in file.found.notes:
        if "damage from" not in note and "torn tail" not in note:
            yield note
    yield from _reservation_findings(file)
    yield from _segment_findings(file)
    for first, last in file.found.losses:
        yield f"segments {first} to {last} are gone, and the next segment will declare it"


def notes(file: RingFile) -> list[str]:
    """What is worth knowing and not wrong."""
    return [note for note in file.ring.notes + file.found.notes if "torn tail" in note or "leaves the rest" in note]


def _reservation_findings(file: RingFile) -> Iterator[str]:
    """How the ring and what is reserved beside the key differ."""
    reservation, state = file.reservation, file.found.state
    if reservation is None:
        return
    if reservation.lost:
        yield "what is reserved beside the key is damaged; the player writes it anew from this ring when it starts"
    elif reservation.is_past(state):
        last = reservation.last
        yield (
            f"the ring is older than what is reserved beside the key (segment {state.last_sequence} of boot"
            f" {state.boot}, there {last.sealed} of boot {last.boot}): if there is a newer ring, put it in its place"
            f" before the player starts, or it goes on at {last.until} and declares what is missing lost"
        )


def _segment_findings(file: RingFile) -> Iterator[str]:
    """Payloads, hashes, and the chain from each segment to the one before it."""
    before: Stored | None = None
    for stored in file.found.segments.values():
        yield from (f"segment {stored.sequence}: {fault}" for fault in _faults(file, stored, before))
        before = stored
    state = file.found.state
    if before is not None and before.sequence == state.last_sequence and before.sha256 != state.last_sha256:
        yield f"segment {before.sequence}: expected the hash that the counters name"


def _faults(file: RingFile, stored: Stored, before: Stored | None) -> Iterator[str]:
    zone = file.ring.segments
    header = zone.header_at(stored.position)
    if header is None or not zone.payload_holds(stored.position, header):
        yield "its bytes are damaged"
        return
    segment = zone.read(stored.position, HEAD_BYTES, stored.size)
    if hashlib.sha256(segment).digest() != stored.sha256:
        yield "expected the hash that its head names"
    try:
        usage: Usage = Usage.decode(parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    except ProtocolError as error:
        yield f"expected a usage segment: {error}"
        return
    if usage.sequence != stored.sequence:
        yield f"expected its own number, found {usage.sequence}"
    if before is not None and before.sequence == stored.sequence - 1 and usage.previous != before.sha256:
        yield "expected the hash of the segment before it"
