"""What a boot begins with: the ring as it is found, held against what is reserved beside the key.

SPEC.md, "Beside the key", has a table of every case and what the player does then.
"""

from amos.journal.errors import JournalFault
from amos.journal.facts import NOBODY
from amos.journal.recovery import Found
from amos.journal.ring import Ring
from amos.journal.segments import HEAD_BYTES
from amos.protocol.errors import ProtocolError
from amos.protocol.segment import claimed_device_id


def start(medium, salt: int, reservation) -> tuple:
    """(Ring, Found), with the counters to go on from; `reservation` may be None. Raises `JournalFault`, OSError."""
    if reservation is None:
        ring = Ring(medium, salt)
        ring.device_id = ring.device_id or NOBODY
        return ring, Found(ring)
    ring = Ring(medium, salt, reservation.device_id, reservation.salt)
    found = Found(ring)
    owner = _owner(ring, found, reservation)
    if owner != reservation.device_id:
        if found.segments or (found.unsealed and owner != NOBODY):
            told = (reservation.device_id.hex(), owner.hex(), len(found.segments))
            text = "journal: expected the ring of device %s, found that of %s with %d segments; "
            raise JournalFault(text % told + "put its own card back, or wipe this one")
        ring = Ring(medium, salt, reservation.device_id, anew=True)
        ring.notes.append("the ring of device %s, where nothing waits, gave way to one of its own" % owner.hex())
        found = Found(ring)
    ring.device_id = reservation.device_id
    if not reservation.lost:
        _go_on(found, reservation)
    elif found.state.boot:
        ring.notes.append("what was reserved beside the key is damaged; it is written anew")
    else:
        text = "journal: expected a ring, or a whole %s.reserved, found neither: "
        raise JournalFault(
            text % reservation.device_id.hex() + "its numbers may have been used; put back its card or that file"
        )
    return ring, found


def _owner(ring, found, reservation) -> bytes:
    """Device id; `NOBODY` when nothing tells."""
    if ring.device_id is not None:
        return reservation.device_id if ring.device_id == NOBODY else ring.device_id
    if reservation.salt in (None, ring.salt) and not found.segments:
        return reservation.device_id
    owner = NOBODY
    for stored in found.segments.values():
        try:
            owner = claimed_device_id(ring.segments.read(stored.position, HEAD_BYTES, stored.size))
        except ProtocolError:
            continue
    return owner


def _go_on(found, reservation) -> None:
    """Raise the counters found above all that any other medium has used."""
    state, last = found.state, reservation.last
    past = reservation.is_past(state)
    if past or state.boot < last.boot:
        state.boot, state.session = max(state.boot, last.boot), max(state.session, last.session)
    if not past:
        return
    note = "the ring is older than what is reserved beside the key, or blank: segment numbers go on at %d"
    first = state.last_sequence + 1
    state.last_sequence = max(first, last.until - 1)
    state.skipped_first, state.skipped_last = first, state.last_sequence
    state.last_sha256 = last.sealed_sha256 if state.last_sequence == last.sealed else bytes(32)
    state.receipted = max(state.receipted, last.receipted)
    note %= state.last_sequence + 1
    unsealed = found.unsealed
    found.settle()
    if found.losses:
        note += ", and %d to %d are declared lost" % found.losses[-1]
    if unsealed:
        note += "; rows that were not sealed are set aside, they may have been sealed since"
    found.notes.append(note)
