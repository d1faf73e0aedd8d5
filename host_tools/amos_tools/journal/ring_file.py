"""A ring in a file or on a card, opened so that nothing can change it."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amos.journal import record, superblock
from amos.journal.facts import NOBODY, Superblock
from amos.journal.recovery import Found
from amos.journal.reservation import Reservation
from amos.journal.ring import Ring
from amos.journal.segments import HEAD_BYTES, SealedHead
from amos.journal.zone import Zone

RESERVED_SECTOR_BYTES = 4096


class RingError(ValueError):
    """The file holds no ring that could be read; the message says what was expected and what is there."""


class ReadOnlyDevice:
    """A SectorDevice over a file or a block device; writing is refused."""

    def __init__(self, path: Path, sector_bytes: int = 512):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise RingError(f"{path}: expected a file or a partition, found something else")
        self._file = path.open("rb", buffering=0)
        self.regroup(sector_bytes)

    def regroup(self, sector_bytes: int) -> None:
        self.sector_bytes = sector_bytes
        self.sector_count = self._file.seek(0, 2) // sector_bytes

    def read(self, sector: int, count: int) -> bytes:
        if sector + count > self.sector_count:
            raise OSError(f"short read at sector {sector}")
        self._file.seek(sector * self.sector_bytes)
        return self._file.read(count * self.sector_bytes).ljust(count * self.sector_bytes, b"\0")

    def grow(self, sector_count: int) -> None:
        """As the player would find a file once it has made it longer."""
        self.sector_count = sector_count

    def write(self, sector: int, data: bytes) -> None:
        raise RingError("expected a ring, found none")  # it is written to only to format it

    def sync(self) -> None:
        return None

    def close(self) -> None:
        self._file.close()


def _reservation(folder: Path, device: bytes) -> Reservation | None:
    """What is reserved beside the key of `device`; boards reserve in blocks, and what is reserved ahead tells it."""
    path = folder / f"{device.hex()}.reserved"
    if not path.is_file():
        return None
    medium = ReadOnlyDevice(path, RESERVED_SECTOR_BYTES)
    try:
        last = Reservation(medium, device).last
        return Reservation(medium, device, last.until - last.sealed)
    finally:
        medium.close()


@dataclass(frozen=True)
class Sight:
    """What stands at an offset: `state` says whether it counts, `detail` what it is about."""

    offset: int
    size: int
    what: str
    number: int | None = None
    state: str = ""
    detail: str = ""


class RingFile:
    """A ring as recovery finds it. Raises `RingError`, `JournalError`, OSError. Close it.

    blocks        superblocks that are whole
    reservation   what is reserved beside the key, when it stands in `beside` (None: the ring's folder), else None
    """

    def __init__(self, path: Path, beside: Path | None = None):
        self.device = ReadOnlyDevice(path)
        try:
            if not self.device.sector_count:
                raise RingError(f"{path}: expected a ring, found {path.stat().st_size} bytes")
            self.ring = Ring(self.device, 0)
            self.blocks: list[Superblock] = superblock.load(self.device)
            self.found = Found(self.ring)
            self.reservation = _reservation(beside or path.parent, self.ring.device_id or NOBODY)
        except BaseException:
            self.device.close()
            raise

    def close(self) -> None:
        self.device.close()

    def sights(self) -> Iterator[Sight]:
        """The whole medium, offset by offset."""
        yield self._superblock(0)
        yield from self._zone("rows", self.ring.rows, 1)
        yield from self._zone("segments", self.ring.segments, 1 + self.ring.rows.count)
        last = 1 + self.ring.rows.count + self.ring.segments.count
        yield self._superblock(last)
        size, rest = self.device.sector_bytes, self.device.sector_count - last - 1
        if rest:
            yield Sight((last + 1) * size, rest * size, "outside", detail="not the ring's")

    def _superblock(self, sector: int) -> Sight:
        size = self.device.sector_bytes
        block = superblock.decode(self.device.read(sector, 1))
        if block is None:
            return Sight(sector * size, size, "superblock", state="damaged")
        state = "newest" if block.generation == self.ring.generation else "older"
        detail = f"rows from {block.rows_tail}, segments from {block.segments_tail}"
        return Sight(sector * size, size, "superblock", block.generation, state, detail)

    def _zone(self, name: str, zone: Zone, first: int) -> Iterator[Sight]:
        """Records; between them runs of sectors in which none begins."""
        size = self.device.sector_bytes
        sector, run, blank = 0, 0, True
        while sector <= zone.count:
            header = zone.header_at(sector) if sector < zone.count else None
            if run and (header is not None or sector == zone.count):
                what = "blank" if blank else "remains"
                yield Sight((first + sector - run) * size, run * size, what, detail=f"{name} zone")
                run, blank = 0, True
            if header is not None:
                whole = zone.payload_holds(sector, header)
                state, detail = self._record(name, zone, sector, header, whole)
                length = record.HEADER_BYTES + header.length
                yield Sight((first + sector) * size, length, record.KINDS[header.kind], header.number, state, detail)
                sector += header.sectors(size) if whole else 1
                continue
            if sector < zone.count:
                data = self.device.read(first + sector, 1)
                blank = blank and data.count(data[:1]) == len(data)
                run += 1
            sector += 1

    def _record(self, name: str, zone: Zone, at: int, header: record.Header, whole: bool) -> tuple[str, str]:
        """(state, detail)"""
        counts = zone.tail_number <= header.number < zone.number
        if not whole:
            return ("damaged" if counts else "overwritten"), ""
        if not counts:
            return "old", ""
        if header.kind != record.SEALED:
            return "kept", ""
        head = SealedHead.decode(zone.read(at, 0, min(HEAD_BYTES, header.length)))
        if head is None:
            return "damaged", ""
        detail = f"segment {head.sequence}, {head.delivered_ms} ms"
        if head.lost:
            detail += f", declares {head.lost[0]} to {head.lost[1]} lost"
        return ("waiting" if head.sequence in self.found.segments else "receipted"), detail
