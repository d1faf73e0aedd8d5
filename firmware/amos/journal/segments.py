"""The sealed segments that are stored: a mapping from sequence number to `Stored`, 12 bytes each in RAM.

All else about a segment is read from its record's head when asked for, so that months of play fit a board.
"""

import hashlib
from array import array

from amos.journal import record
from amos.journal.errors import JournalFault
from amos.protocol.cbor import Pieces
from amos.protocol.record import U32

HEAD_BYTES = 8 + 8 + 32 + 8 + 8 + 4 + 4 + record.CRC_BYTES


class SealedHead:
    """Before a segment's bytes in its record, with a checksum of its own, so that recovery need not read the rest.

    lost   None or (first, last) of sequence numbers that the segment declares to be gone
    """

    def __init__(self, sequence: int, delivered_ms: int, sha256: bytes, lost, boot: int, session: int):
        self.sequence = sequence
        self.delivered_ms = delivered_ms
        self.sha256 = sha256
        self.lost = lost
        self.boot = boot
        self.session = session

    @classmethod
    def of(cls, sequence: int, delivered_ms: int, segment: Pieces, lost, boot: int, session: int):
        digest = hashlib.sha256()
        for part in segment.parts:
            digest.update(part)
        return cls(sequence, delivered_ms, digest.digest(), lost, boot, session)

    def encode(self) -> bytes:
        first, last = self.lost or (0, 0)
        data = self.sequence.to_bytes(8, "little") + self.delivered_ms.to_bytes(8, "little") + self.sha256
        data += first.to_bytes(8, "little") + last.to_bytes(8, "little")
        data += self.boot.to_bytes(4, "little") + self.session.to_bytes(4, "little")
        return data + record.checksum(data)

    @classmethod
    def decode(cls, data: bytes):
        """The head in the first HEAD_BYTES of a payload, or None when it is not whole."""
        end = HEAD_BYTES - record.CRC_BYTES
        if len(data) < HEAD_BYTES or data[end:HEAD_BYTES] != record.checksum(data[:end]):
            return None
        numbers = [int.from_bytes(data[at : at + 8], "little") for at in (0, 8, 48, 56)]
        if max(numbers[0], numbers[3]) > record.COUNT_MAX or numbers[2] > numbers[3]:
            return None
        boot, session = int.from_bytes(data[64:68], "little"), int.from_bytes(data[68:72], "little")
        lost = (numbers[2], numbers[3]) if numbers[2] else None
        return cls(numbers[0], numbers[1], data[16:48], lost, boot, session)


class Stored:
    """A sealed segment in the journal. `size` in bytes and `sha256` are read when asked for, or raise JournalFault."""

    def __init__(self, zone, sequence: int, delivered_ms: int, position: int):
        self._zone = zone
        self.sequence = sequence
        self.delivered_ms = delivered_ms
        self.position = position

    @property
    def size(self) -> int:
        try:
            header = self._zone.header_at(self.position)
        except OSError as error:
            raise JournalFault("journal: storage failed (%s)" % error)
        return header.length - HEAD_BYTES if header else 0

    @property
    def sha256(self) -> bytes:
        try:
            return self._zone.read(self.position, 16, 32)
        except OSError as error:
            raise JournalFault("journal: storage failed (%s)" % error)


class Segments:
    """Sequence numbers rise as positions do."""

    def __init__(self, zone):
        self._zone = zone
        self._base = 0
        self._offsets = array("I")
        self._sectors = array("I")
        self._delivered_ms = array("I")

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self):
        base = self._base
        for offset in self._offsets:
            yield base + offset

    def __contains__(self, sequence: int) -> bool:
        return self._index(sequence) is not None

    def __getitem__(self, sequence: int) -> Stored:
        stored = self.get(sequence)
        if stored is None:
            raise KeyError(sequence)
        return stored

    def get(self, sequence: int):
        """The Stored of a sequence number, or None."""
        index = self._index(sequence)
        return None if index is None else self._stored(index)

    def values(self):
        for index in range(len(self._offsets)):
            yield self._stored(index)

    def _stored(self, index: int) -> Stored:
        # The medium goes round; the position lies less than a lap before the head.
        head = self._zone.head - 1
        position = head - (head - self._sectors[index]) % self._zone.count
        return Stored(self._zone, self._base + self._offsets[index], self._delivered_ms[index], position)

    def _index(self, sequence: int):
        """Index of a sequence number, or None."""
        index = self._first_from(sequence)
        if index == len(self._offsets) or self._base + self._offsets[index] != sequence:
            return None
        return index

    def _first_from(self, sequence: int) -> int:
        """Index of the first that is not below `sequence`."""
        low, high = 0, len(self._offsets)
        while low < high:
            middle = (low + high) // 2
            if self._base + self._offsets[middle] < sequence:
                low = middle + 1
            else:
                high = middle
        return low

    def can_add(self, sequence: int) -> bool:
        """Whether it is higher than the last, by no more than 32 bits can hold."""
        if not self._offsets:
            return True
        offset = sequence - self._base
        return self._offsets[-1] < offset <= U32

    def add(self, sequence: int, delivered_ms: int, position: int) -> None:
        if not self._offsets:
            self._base = sequence
        self._offsets.append(sequence - self._base)
        self._sectors.append(position % self._zone.count)
        self._delivered_ms.append(min(delivered_ms, U32))

    def drop_until(self, sequence: int) -> int:
        """Forget those up to `sequence`; how many."""
        count = self._first_from(sequence + 1)
        self._offsets, self._sectors = self._offsets[count:], self._sectors[count:]
        self._delivered_ms = self._delivered_ms[count:]
        if self._offsets and self._offsets[0]:
            # Rebase, so that offsets stay within 32 bits for the life of the device.
            step = self._offsets[0]
            self._base += step
            for index in range(len(self._offsets)):
                self._offsets[index] -= step
        return count

    def drop(self, first: int, last: int) -> None:
        """Forget what is damaged."""
        start, end = self._first_from(first), self._first_from(last + 1)
        if start < end:
            self._offsets = self._offsets[:start] + self._offsets[end:]
            self._sectors = self._sectors[:start] + self._sectors[end:]
            self._delivered_ms = self._delivered_ms[:start] + self._delivered_ms[end:]

    def gaps(self, after: int, last: int) -> list:
        """(first, last) ranges of the numbers above `after` up to `last` that are not here."""
        found, expected = [], after + 1
        for sequence in self:
            if sequence > expected:
                found.append((expected, sequence - 1))
            expected = max(expected, sequence + 1)
        if last >= expected:
            found.append((expected, last))
        return found


def add_range(ranges: list, low: int, high: int) -> list:
    """The (first, last) ranges with one more, in order; ranges that touch are joined."""
    ranges = list(ranges)
    ranges.append((low, high))
    found: list = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def without(ranges: list, first: int, last: int) -> list:
    """The (first, last) ranges, less one."""
    left = []
    for low, high in ranges:
        if low < first:
            left.append((low, min(high, first - 1)))
        if high > last:
            left.append((max(low, last + 1), high))
    return left
