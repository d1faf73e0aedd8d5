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
