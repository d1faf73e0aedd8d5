"""Storage for the journal: two append-only slots.

Contract of a LogStore, whichever its medium:

    capacity_bytes          bytes a slot may hold
    read(slot, offset, size) -> bytes, fewer at the end
    size(slot)              -> int
    erase(slot)             the slot is empty afterwards; may survive a power cut or not until the next `sync`
    append(slot, data)      bytes at the end; any prefix of what was not synced may survive a power cut, or garbage
    sync(slot)              everything appended so far survives a power cut when this returns
    close()                 release the medium; the store is not used again

Every call may raise OSError; what it was to do has then happened, partly happened or not happened.
"""

import os

from amos.edges.durable import fsync_file


class FileLogStore:
    """Two files, `journal-0.log` and `journal-1.log`, in a directory that exists."""

    def __init__(self, directory: str, capacity_bytes: int):
        self.capacity_bytes = capacity_bytes
        self._paths = ["%s/journal-%d.log" % (directory, slot) for slot in (0, 1)]
        self._files = [_open(path) for path in self._paths]
        self._sizes = [file.seek(0, 2) for file in self._files]

    def read(self, slot: int, offset: int, size: int) -> bytes:
        file = self._files[slot]
        file.seek(offset)
        return file.read(size)

    def size(self, slot: int) -> int:
        return self._sizes[slot]

    def erase(self, slot: int) -> None:
        self._files[slot].close()
        # "w+" truncates; MicroPython's files have no truncate().
        self._files[slot] = open(self._paths[slot], "w+b")
        self._sizes[slot] = 0

    def append(self, slot: int, data: bytes) -> None:
        file = self._files[slot]
        file.seek(self._sizes[slot])
        written = 0
        while written < len(data):
            count = file.write(data[written:])
            if not count:
                raise OSError("short write")
            written += count
        self._sizes[slot] += len(data)

    def sync(self, slot: int) -> None:
        self._files[slot].flush()
        fsync_file(self._files[slot])

    def close(self) -> None:
        for file in self._files:
            file.close()


def _open(path: str):
    try:
        os.stat(path)
    except OSError:
        open(path, "wb").close()
    return open(path, "r+b")


class MemoryLogStore:
    """The twin for tests: keeps what is synced apart from what is not, and can fail or cut power at any operation.

    operations   int, calls that changed something so far
    fail_at      int or None: that operation raises OSError; `persist` says what it leaves: bytes of it that took hold
    """

    def __init__(self, capacity_bytes: int = 1 << 20):
        self.capacity_bytes = capacity_bytes
        self._data = [bytearray(), bytearray()]
        self._durable = [b"", b""]
        self.operations = 0
        self.fail_at = None
        self.persist = 0

    def read(self, slot: int, offset: int, size: int) -> bytes:
        return bytes(self._data[slot][offset : offset + size])

    def size(self, slot: int) -> int:
        return len(self._data[slot])

    def _step(self) -> bool:
        self.operations += 1
        return self.fail_at is not None and self.operations > self.fail_at

    def erase(self, slot: int) -> None:
        if self._step():
            raise OSError("erase failed")
        self._data[slot] = bytearray()

    def append(self, slot: int, data: bytes) -> None:
        if self._step():
            self._data[slot].extend(data[: self.persist])
            raise OSError("append failed")
        self._data[slot].extend(data)

    def sync(self, slot: int) -> None:
        if self._step():
            raise OSError("sync failed")
        self._durable[slot] = bytes(self._data[slot])

    def close(self) -> None:
        return None

    def after_power_cut(self, keep_bytes: int, garbage: bytes = b"") -> "MemoryLogStore":
        """What the next boot finds: the durable bytes, `keep_bytes` more of what was appended since, then garbage."""
        store = MemoryLogStore(self.capacity_bytes)
        for slot in (0, 1):
            durable, data = self._durable[slot], bytes(self._data[slot])
            if data[: len(durable)] != durable:
                # Erased since the last sync: either content may be found.
                found = durable if keep_bytes % 2 else data[:keep_bytes]
            else:
                found = data[: len(durable) + keep_bytes]
            unsynced = len(found) > len(durable) or found != durable
            store._data[slot] = bytearray(found + (garbage if unsynced or data != durable else b""))
            store._durable[slot] = bytes(store._data[slot])
        return store
