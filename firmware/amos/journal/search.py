"""Finding a ring again without its superblocks: by the marks with which its records begin.

The salt enters a checksum only as the value from which it starts, and a CRC can be run backwards: each header gives
back the salt under which it is right. A salt on which headers agree is a ring's.
"""

from amos.journal import record, superblock
from amos.journal.errors import JournalFault
from amos.journal.zone import marked

AGREEING_MIN = 2
SALTS_MAX = 64
"""As many are counted at once; those met once only make room for more."""

_POLYNOMIAL = 0xEDB88320


def search(device, known_salt=None):
    """(superblocks, salt): a superblock that is whole, at a place of its own that is not the medium's last sector; and
    the salt of the records, or None. `known_salt` counts as soon as one record has it.

    Reads the whole medium once. Raises `JournalFault` for a superblock where none can be, as in a file within a file
    system: then the ring's medium is another than this. Raises OSError.
    """
    backwards = _backwards()
    counts: dict = {}
    mark = record.MAGIC + bytes((record.VERSION,))
    for sector, data in marked(device.read, 0, device.sector_count, device.sector_bytes, mark[:1]):
        if data[: len(mark)] == mark:
            salt = _salt_of(data[: record.HEADER_BYTES], backwards)
            if len(counts) >= SALTS_MAX and salt not in counts:
                counts = {salt: count for salt, count in counts.items() if count >= AGREEING_MIN}
            if len(counts) < SALTS_MAX or salt in counts:
                counts[salt] = counts.get(salt, 0) + 1
            continue
        block = superblock.decode(data)
        if block is not None:
            if sector != superblock.sector_of(block):
                told = (superblock.sector_of(block), sector)
                raise JournalFault("journal: expected a superblock in sector %d, found it in %d; another medium?" % told)
            return [block], None
    if known_salt in counts:
        return [], known_salt
    best = max(counts, key=counts.get) if counts else None
    return [], best if best is not None and counts[best] >= AGREEING_MIN else None


def _backwards() -> list:
    """By the top byte of a checksum's state: (the byte that indexed the table, the table's entry there)."""
    found: list = [None] * 256
    for index in range(256):
        entry = index
        for _bit in range(8):
            entry = entry >> 1 ^ (_POLYNOMIAL if entry & 1 else 0)
        found[entry >> 24] = (index, entry)
    return found


def _salt_of(header: bytes, backwards: list) -> int:
    """The value from which the header's checksum started."""
    end = record.HEADER_BYTES - record.CRC_BYTES
    state = int.from_bytes(header[end:], "little") ^ 0xFFFFFFFF
    for at in range(end - 1, -1, -1):
        index, entry = backwards[state >> 24]
        state = ((state ^ entry) & 0xFFFFFF) << 8 | index ^ header[at]
    return state ^ 0xFFFFFFFF


def place(zone, position: int, number: int) -> None:
    """Set the zone's tail to the oldest record it still holds, where `position` was to be that of record `number`.

    Positions are told from sectors by the laps that the writer has gone: they count on from what it last said.
    """
    newest, end = None, 0
    for at, header in zone.headers(0, zone.count):
        if newest is None or header.number > newest:
            newest, end = header.number, at + header.sectors(zone.sector_bytes)
    if newest is None:
        return zone.begin_at(position, number)
    if newest + 1 >= number:
        head = position + (end - position) % zone.count
    else:
        head = position - (position - end) % zone.count
    # The sectors after the newest record hold the oldest.
    for at, header in zone.headers(end, end + zone.count):
        if header.number <= newest:
            tail = head - zone.count + at - end
            return zone.begin_at(tail if tail >= 0 else tail + zone.count, header.number)
