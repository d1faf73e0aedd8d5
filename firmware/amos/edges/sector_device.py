"""Storage for the journal: a device of whole sectors.

Contract of a SectorDevice, whichever its medium:

    sector_bytes, sector_count      512 on cards; up to 4096
    read(sector, count) -> bytes    exactly `count` whole sectors
    write(sector, data)             whole sectors, bytes or a view of them that holds no longer than the call; until the
                                    next `sync` a power cut may leave each as it was, as written, or as garbage
    sync()                          everything written so far survives a power cut when this returns
    grow(sector_count)              that many sectors from now on, zeros behind what was there, durable; OSError
                                    where the medium cannot
    regroup(sector_bytes)           sectors of another size from now on; OSError where the medium cannot
    reopen()                        take up the medium anew after an error, once it is back; OSError while it is not, or
                                    where another size is found. What was written since the last sync that succeeded
                                    reads as before or as written, and is on the medium when this returns
    close()                         release the medium; the device is not used again

Every call may raise OSError; the change that was asked for has then been made, made in part, or not made. Writes to
other sectors do not change a sector that was written and synced: they damage no erase block beside their own.

After a sync that failed, the system may show what was written and never store it: a later sync does not mend that,
only `reopen` does, which writes it again.
"""

import os

from amos.compat import MICROPYTHON, const
from amos.edges.durable import fsync_file, sync_folder
from amos.edges.private import create_private, open_private

if MICROPYTHON:

    def open_exclusive(path: str):
        """The unix port, where partitions are opened for tests only."""
        return open(path, "r+b")

else:
    from amos.edges.private_host import open_exclusive

_ZEROS_BYTES = const(1 << 12)


class _Away:
    """In place of a file that could not be opened again."""

    def seek(self, *_told):
        raise OSError("the medium is away")

    read = write = flush = seek

    def close(self) -> None:
        return None


class FileSectorDevice:
    """A preallocated file. One that exists keeps its size, whatever `size_bytes` says; an empty one gets it."""

    def __init__(self, path: str, size_bytes: int, sector_bytes: int = 512):
        size_bytes = size_bytes // sector_bytes * sector_bytes
        try:
            os.stat(path)
        except OSError:
            _preallocate(path, size_bytes)
        self._open(path, _open_file, sector_bytes)
        if not self.sector_count:
            self.grow(size_bytes // sector_bytes)

    def _open(self, path: str, open_it, sector_bytes: int) -> None:
        self._path, self._open_it = path, open_it
        self._unsynced: list = []
        self._file = file = open_it(path)
        self.sector_bytes = sector_bytes
        self.sector_count = file.seek(0, 2) // sector_bytes

    def read(self, sector: int, count: int) -> bytes:
        self._file.seek(sector * self.sector_bytes)
        size = count * self.sector_bytes
        data = self._file.read(size)
        while len(data) < size:
            more = self._file.read(size - len(data))
            if not more:
                raise OSError("short read at sector %d" % sector)
            data += more
        return data

    def write(self, sector: int, data: bytes) -> None:
        written = sector, len(data) // self.sector_bytes
        if written not in self._unsynced:
            self._unsynced.append(written)
        self._file.seek(sector * self.sector_bytes)
        _write_all(self._file, data)

    def sync(self) -> None:
        self._file.flush()
        fsync_file(self._file)
        self._unsynced = []

    def grow(self, sector_count: int) -> None:
        self._file.seek(self.sector_count * self.sector_bytes)
        _write_zeros(self._file, (sector_count - self.sector_count) * self.sector_bytes)
        self.sync()
        self.sector_count = sector_count

    def regroup(self, sector_bytes: int) -> None:
        self.sector_count = self.sector_count * self.sector_bytes // sector_bytes
        self.sector_bytes = sector_bytes

    def reopen(self) -> None:
        try:
            self._file.close()
        except OSError:
            pass  # what waited to be written counts as not written
        self._file = _Away()
        self._file = file = self._open_it(self._path)  # never made anew: an empty folder is where a card was
        size_bytes = file.seek(0, 2)
        if size_bytes // self.sector_bytes != self.sector_count:
            told = (self._path, self.sector_count * self.sector_bytes, size_bytes)
            raise OSError("%s: expected %d bytes, found %d" % told)
        for sector, count in list(self._unsynced):
            self.write(sector, self.read(sector, count))
        self.sync()

    def close(self) -> None:
        self._file.close()


class PartitionSectorDevice(FileSectorDevice):
    """A partition as the system shows it, like /dev/mmcblk0p3; never made, and never longer than it is.

    Raises OSError when there is none, or something else uses it (a file system on it is mounted).
    """

    def __init__(self, path: str, sector_bytes: int = 4096):
        self._open(path, open_exclusive, sector_bytes)

    def grow(self, sector_count: int) -> None:
        raise OSError("expected a partition of %d sectors, found %d" % (sector_count, self.sector_count))


def _open_file(path: str):
    return open_private(path, "r+b")


def _write_all(file, data: bytes) -> None:
    written = 0
    while written < len(data):
        count = file.write(data[written:] if written else data)
        if not count:
            raise OSError("short write")
        written += count


def _write_zeros(file, size_bytes: int) -> None:
    zeros = bytes(min(_ZEROS_BYTES, size_bytes))
    while size_bytes:
        piece = zeros[:size_bytes]
        _write_all(file, piece)
        size_bytes -= len(piece)


def _preallocate(path: str, size_bytes: int) -> None:
    """The file appears under its name when every byte of it is allocated: no write to it can run out of space."""
    unfinished = path + ".unfinished"
    file = create_private(unfinished)
    try:
        try:
            _write_zeros(file, size_bytes)
            file.flush()
            fsync_file(file)
        finally:
            file.close()
    except OSError as error:
        os.remove(unfinished)  # or a full disk would stay so
        raise OSError("%s: expected room for %d bytes, found %s" % (path, size_bytes, error))
    os.rename(unfinished, path)
    sync_folder(path)


class MemorySectorDevice:
    """The twin for tests: keeps what is synced apart from what is not, and can fail or cut power at any operation.

    sectors             dict, sector -> bytes; those not in it are zeros
    operations          int, writes and syncs so far
    fail_at             int or None: the operations from that number (from 0) on raise OSError
    fail_until          int or None: those from that number on do not
    persist             bool, whether the failing operation does its work all the same
    sectors_read, sectors_written   int
    unsynced            list of (sector, bytes before, bytes), in the order of their writing
    """

    def __init__(self, sector_count: int = 2048, sector_bytes: int = 512, sectors=None):
        self.sector_bytes = sector_bytes
        self.sector_count = sector_count
        self.sectors: dict = dict(sectors or {})
        self.unsynced: list = []
        self._zeros = bytes(sector_bytes)
        self.operations = self.sectors_read = self.sectors_written = 0
        self.fail_at = self.fail_until = None
        self.persist = False
        self._dropped = 0  # of `unsynced`, so many from its beginning no sync stores any more

    def read(self, sector: int, count: int) -> bytes:
        self._check(sector, count)
        self.sectors_read += count
        if count == 1:
            return self.sectors.get(sector, self._zeros)
        return b"".join([self.sectors.get(sector + number, self._zeros) for number in range(count)])

    def _check(self, sector: int, count: int) -> None:
        if sector < 0 or count < 1 or sector + count > self.sector_count:
            raise ValueError("sectors %d to %d: expected 0 to %d" % (sector, sector + count, self.sector_count))

    def _fails(self) -> bool:
        self.operations += 1
        number = self.operations - 1
        return (
            self.fail_at is not None
            and number >= self.fail_at
            and (self.fail_until is None or number < self.fail_until)
        )

    def write(self, sector: int, data: bytes) -> None:
        size = self.sector_bytes
        if len(data) % size:
            raise ValueError("write: expected whole sectors, found %d bytes" % len(data))
        self._check(sector, len(data) // size)
        fails = self._fails()
        if not fails or self.persist:
            for number in range(len(data) // size):
                written = bytes(data[number * size : (number + 1) * size])
                self.unsynced.append((sector + number, self.sectors.get(sector + number, self._zeros), written))
                self.sectors[sector + number] = written
                self.sectors_written += 1
        if fails:
            raise OSError("write failed")

    def sync(self) -> None:
        fails = self._fails()
        if not fails or self.persist:
            self.unsynced = self.unsynced[: self._dropped]
        if fails:
            self._dropped = len(self.unsynced)
            raise OSError("sync failed")

    def reopen(self) -> None:
        for sector in sorted({sector for sector, _before, _written in self.unsynced}):
            self.write(sector, self.read(sector, 1))
        dropped, self._dropped = self._dropped, 0
        try:
            self.sync()
        except OSError:
            self._dropped = max(dropped, self._dropped)
            raise

    def grow(self, sector_count: int) -> None:
        self.sector_count = sector_count

    def regroup(self, sector_bytes: int) -> None:
        raise OSError("expected sectors of %d bytes, found %d" % (sector_bytes, self.sector_bytes))

    def close(self) -> None:
        return None

    def spoil(self, sector: int, offset: int) -> None:
        """Flip a bit of a byte."""
        data = bytearray(self.read(sector, 1))
        data[offset] ^= 1
        self.sectors[sector] = bytes(data)

    def find(self, data: bytes):
        """(sector, offset) of the first sector that holds `data`. Raises KeyError."""
        for sector in sorted(self.sectors):
            offset = self.sectors[sector].find(data)
            if offset >= 0:
                return sector, offset
        raise KeyError(data)

    def after_power_cut(self, outcome) -> "MemorySectorDevice":
        """What the next boot finds. `outcome(index)` says what became of each unsynced sector: True, as written; False,
        as it was; or bytes that stand there instead."""
        found = MemorySectorDevice(self.sector_count, self.sector_bytes, self.sectors)
        for sector, before, _written in reversed(self.unsynced):
            found.sectors[sector] = before
        for index in range(len(self.unsynced)):
            sector, _before, written = self.unsynced[index]
            became = outcome(index)
            if became:
                found.sectors[sector] = written if became is True else became
        return found
