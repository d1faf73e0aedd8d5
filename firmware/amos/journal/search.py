"""Finding a ring again without its superblocks: by the marks with which its records begin.

The salt enters a checksum only as the value from which it starts, and a CRC can be run backwards: each header gives
back the salt under which it is right. A salt on which headers agree is a ring's.
"""

from amos.compat import const
from amos.journal import record, superblock
from amos.journal.errors import JournalFault
from amos.journal.facts import SECTOR_BYTES
from amos.journal.zone import marked

_AGREEING_MIN = const(2)
_SALTS_MAX = const(64)
"""So many salts are counted at once; when there are more, those that were found only once are dropped."""

_TELLING_MIN = const(16)
"""When so many records all begin at even sectors, that is no chance: the sectors are larger."""

_POLYNOMIAL = const(0xEDB88320)


class Traces:
    """What a search of the whole medium has found.

    block          a whole Superblock that is not at the medium's end, as when that was made longer; or None
    salt           of the records, or None
    sector_bytes   at multiples of which they begin
    """

    def __init__(self, block, salt, sector_bytes: int):
        self.block = block
        self.salt = salt
        self.sector_bytes = sector_bytes


def search(medium, known_salt=None) -> Traces:
    """Read the whole medium once. `known_salt` counts as soon as one record has it.

    Raises `JournalFault` for a superblock where none can be, as in a file within a file system: then the ring's medium
    is another than this. Raises OSError.
    """
    backwards = _backwards()
    salts: dict = {}  # salt: (records, the bits of all their offsets, number of the last)
    for offset, data in _marked(medium, record.MAGIC[:1]):
        if data[:2] == record.MAGIC and data[2] in record.VERSIONS:
            _count(salts, data, _salt_of(data[: record.HEADER_BYTES], backwards), offset)
            continue
        block = superblock.decode(data)
        if block is not None:
            told = (superblock.sector_of(block) * block.sector_bytes, offset)
            if told[0] != told[1]:
                raise JournalFault("journal: expected a superblock at byte %d, found it at %d; another medium?" % told)
            return Traces(block, None, block.sector_bytes)
    best = known_salt
    if known_salt not in salts:
        best = max(salts, key=lambda salt: salts[salt][0]) if salts else None
        if best is None or salts[best][0] < _AGREEING_MIN:
            return Traces(None, None, medium.sector_bytes)
    return Traces(None, best, _sector_bytes(medium, *salts[best][:2]))


def _marked(medium, mark: bytes):
    """Yield (offset in bytes, 512 bytes or more) where sectors of any size may begin, and do with `mark`."""
    size = medium.sector_bytes
    for sector, data in marked(medium.read, 0, medium.sector_count, size, b""):
        for at in range(0, size, SECTOR_BYTES[0]):
            if data[at : at + len(mark)] == mark:
                yield sector * size + at, data[at:]


def _count(salts: dict, data: bytes, salt: int, offset: int) -> None:
    """Count another record of the salt. A record with the same number as the last is a copy and proves nothing."""
    header = record.decode_header(data, salt)
    count, offsets, last = salts.get(salt, (0, 0, None))
    if header is None or header.number == last:
        return
    if len(salts) >= _SALTS_MAX and not count:
        for once in [known for known in salts if salts[known][0] < _AGREEING_MIN]:
            del salts[once]
    if len(salts) < _SALTS_MAX or count:
        salts[salt] = (count + 1, offsets | offset, header.number)


def _sector_bytes(medium, count: int, offsets: int) -> int:
    """The medium's own size, unless the offsets of `count` records tell another."""
    size = max([size for size in SECTOR_BYTES if not offsets % size])
    return size if count >= _TELLING_MIN or size < medium.sector_bytes else medium.sector_bytes


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

    A sector gives a position once the number of laps is known; the laps are counted on from the newest State.
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
