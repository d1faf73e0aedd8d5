"""A zone of the ring: records one after another, each from a fresh sector on, round and round.

Positions count sectors from the first ever written and never wrap; a position's sector is its remainder. Records
between `tail` and `head` may be needed. Nothing from `floor` on is overwritten: `floor` is the older tail of the two
superblocks, so that recovery may start from either.
"""

from binascii import crc32

from amos.journal import record
from amos.protocol.cbor import Pieces

WINDOW_BYTES = 2048
"""Read at once when looking for a header in damage; written at once: amid play, a board's heap may not have more in one
piece. One sector, where those are larger."""


def make_window(sector_bytes: int) -> memoryview:
    """Room for what is written at once: taken early, while a board's heap is in one piece."""
    return memoryview(bytearray(max(WINDOW_BYTES, sector_bytes)))


def marked(read, start: int, end: int, sector_bytes: int, mark: bytes):
    """Yield (sector, bytes) of those from `start` to before `end` that begin with `mark`; `read(sector, count)`."""
    window = max(1, WINDOW_BYTES // sector_bytes)
    while start < end:
        count = min(window, end - start)
        data = memoryview(read(start, count))
        for index in range(count):
            at = index * sector_bytes
            if data[at : at + len(mark)] == mark:
                yield start + index, bytes(data[at : at + sector_bytes])
        start += count


class Zone:
    """Sectors `first` .. `first + count - 1` of a SectorDevice, which hold records of `kinds` and no others. `window`,
    from `make_window`, is where a record is put together, piece by piece; zones may share one.

    tail, tail_number     position and record number from which recovery has to scan
    head, number, link    where the next record goes, its number, and its `previous`
    damage                list of (start, end) positions that held no whole record when scanned; end None: a torn tail
    """

    def __init__(self, medium, salt: int, first: int, count: int, tail: int, tail_number: int, kinds, window):
        self._medium = medium
        self.sector_bytes = medium.sector_bytes
        self._salt = salt
        self._first = first
        self._kinds = kinds
        self._window = window
        self.count = count
        self.begin_at(tail, tail_number)
        self.link = bytes(record.LINK_BYTES)
        self.damage: list = []
        self._recent = -1
        self._recent_sector = b""

    @property
    def room(self) -> int:
        """Sectors that may be written."""
        return self.floor + self.count - self.head

    def sectors_of(self, payload_bytes: int) -> int:
        return record.sectors_of(payload_bytes, self.sector_bytes)

    def read_sectors(self, position: int, count: int) -> bytes:
        start = position % self.count
        until_end = min(count, self.count - start)
        data = self._medium.read(self._first + start, until_end)
        return data if until_end == count else data + self._medium.read(self._first, count - until_end)

    def read(self, position: int, offset: int, size: int) -> bytes:
        """Part of the payload of the record at `position`."""
        pieces = list(self._pieces(position, offset, size))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pieces(self, position: int, offset: int, size: int):
        # A sector at a time, for this comes amid play: a board's heap may not have three in one piece.
        at, end = record.HEADER_BYTES + offset, record.HEADER_BYTES + offset + size
        while at < end:
            sector, start = divmod(at, self.sector_bytes)
            stop = min(self.sector_bytes, start + end - at)
            data = self.read_sectors(position + sector, 1) if sector else self._first_sector(position)
            yield data if stop - start == self.sector_bytes else data[start:stop]
            at += stop - start

    def header_at(self, position: int):
        return self._header_in(self._first_sector(position))

    def _header_in(self, data):
        # Records of the other zone have the same salt; a faulty card may have put one here, where it does not count.
        header = record.decode_header(data, self._salt)
        return header if header is not None and header.kind in self._kinds else None

    def _first_sector(self, position: int) -> bytes:
        # A header and what its payload begins with are asked for one after the other.
        if position != self._recent:
            self._recent_sector = self.read_sectors(position, 1)
            self._recent = position
        return self._recent_sector

    def payload_holds(self, position: int, header) -> bool:
        """Whether the payload passes its checksum."""
        value = self._salt
        for piece in self._pieces(position, 0, header.length):
            value = crc32(piece, value)
        return (value & 0xFFFFFFFF).to_bytes(record.CRC_BYTES, "little") == header.payload_crc

    def append(self, kind: int, payload) -> int:
        """Store a record of these bytes, or `Pieces` of them, durably; its position. The caller has made sure of
        `room`. Raises OSError."""
        pieces = payload if isinstance(payload, Pieces) else Pieces([payload])
        header = record.encode_header(kind, self.number, self.link, pieces, self._salt)
        count = self.sectors_of(len(pieces))
        if count > self.room:
            raise OSError("no room for %d sectors" % count)
        self._recent = -1
        position = at = self.head
        for data in record.in_sectors(pieces.after(header), self.sector_bytes, self._window):
            self._write_sectors(at, data)
            at += len(data) // self.sector_bytes
        self._medium.sync()
        self.head += count
        self.number += 1
        self.link = record.link_of(header)
        return position

    def _write_sectors(self, position: int, data: memoryview) -> None:
        start = position % self.count
        until_end = (self.count - start) * self.sector_bytes
        self._medium.write(self._first + start, data[:until_end] if until_end < len(data) else data)
        if until_end < len(data):
            self._medium.write(self._first, data[until_end:])

    # Recovery

    def begin_at(self, position: int, number: int) -> None:
        """Recovery is to scan from the record of this number, at this position."""
        self.tail = self.floor = self.head = position
        self.tail_number = self.number = number

    def scan(self, certain=None):
        """Yield (position, header) of each record from `tail` on; afterwards `head` is where the next one goes.

        `certain` is None, or (position, number) of where the next record once was to go: all before was acknowledged,
        and is hopped over by headers; from there on payloads are checked too, and there is at most one record that was
        not acknowledged. Without it every payload is checked, and damage is searched to the lap's end.
        """
        position, number, link = self.tail, self.tail_number, None
        end = self.tail + self.count
        self.damage = []
        while position < end:
            header = self._next_record(position, number, link, certain)
            if header is None:
                onward = self._find(position, number, end, certain)
                if onward is None:
                    break
                self.damage.append((position, onward[0]))
                (position, number), link = onward, None
                continue
            yield position, header
            position += header.sectors(self.sector_bytes)
            number, link = header.number + 1, header.link
        self.head, self.number = position, number
        self.link = link or bytes(record.LINK_BYTES)
        if position < end and self._looks_torn(position, number):
            self.damage.append((position, None))

    def _next_record(self, position: int, number: int, link, certain):
        header = self.header_at(position)
        if header is None or header.number != number or (link and header.previous != link):
            return None
        if position + header.sectors(self.sector_bytes) > self.tail + self.count:
            return None
        hop = certain is not None and position < certain[0]
        return header if hop or self.payload_holds(position, header) else None

    def _find(self, position: int, number: int, end: int, certain):
        """(position, number) at which to go on after damage at `position`, or None when that is the end of the log."""
        limit = end
        if certain is not None:
            in_flight = 2 * self.sectors_of(record.PAYLOAD_BYTES_MAX)
            limit = min(end, max(position, certain[0]) + in_flight)
        for at, header in self.headers(position + 1, limit):
            if header.number > number and self.payload_holds(at, header):
                return at, header.number
        if certain is not None and position < certain[0] <= end and certain[1] > number:
            return certain
        return None

    def headers(self, start: int, end: int):
        """Yield (position, Header) of the sectors from `start` to before `end` that begin with one."""
        for at, data in marked(self.read_sectors, start, end, self.sector_bytes, record.MAGIC):
            header = self._header_in(data)
            if header is not None:
                yield at, header

    def _looks_torn(self, position: int, number: int) -> bool:
        """Whether a record began at the head and was not written whole. In the first lap any byte but zero shows it."""
        data = self.read_sectors(position, 1)
        if data[:2] == record.MAGIC and data[2] in record.VERSIONS:
            header = self._header_in(data)
            return header is None or header.number >= number
        return position < self.count and data.count(b"\0") < len(data)
