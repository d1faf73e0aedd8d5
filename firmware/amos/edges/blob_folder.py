"""Where a player keeps the packs it was sent: a folder of blobs, whole and incoming, and two small files of state.

Contract of a blob folder, whichever its medium; names are `blobs/HEX`, `incoming/HEX`, `record.0`, `record.1`:

    size(name) -> int or None       None: there is none
    lent(name) -> int or None       the same of the folder next door, which is only read
    path(name) -> str               where it is, here or next door
    read(name, size_max) -> bytes   its bytes, or the first so many; b"" when there is none
    names(part) -> list             file names in `blobs` or `incoming`
    incoming() -> list              (file name, size) of those in `incoming`, the one longest unwritten first
    open(name) -> BlobFile          to read and write; made when absent
    remove(name)                    gone, or back after a power cut; no error when it was not there
    publish(file, name, new_name)   a function: True once the file is closed and its bytes under the new name survive a
                                    power cut. Until then a cut leaves the bytes written so far, each as written or not,
                                    under one of both names, but never less than all of them under the new one.
    write_in_place(name, data)      small; written means that it survives. A cut leaves it torn.
    free_bytes() -> int

Every call may raise OSError; the change that was asked for has then been made, made in part, or not made.
"""

import os

from amos.compat import MICROPYTHON
from amos.edges.durable import fsync_file, sync_folder
from amos.edges.private import create_private, make_private_folder, open_private

if MICROPYTHON:

    def start(job):
        """No threads on boards: the job is over when this returns."""
        job()
        return _over

    def _over() -> bool:
        return True

else:
    from amos.edges.background_host import start


class BlobFile:
    """An open file, unbuffered."""

    def __init__(self, path: str):
        if _size(path) is None:
            create_private(path).close()
        self.file = open_private(path, "r+b", 0)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` on."""
        self.file.seek(offset)
        return self.file.read(size) or b""

    def write(self, offset: int, data) -> None:
        """All of `data`, or OSError."""
        self.file.seek(offset)
        left = memoryview(data)
        while len(left):
            count = self.file.write(left)
            if not count:
                raise OSError("short write")
            left = left[count:]

    def close(self) -> None:
        self.file.close()


class DiskFolder:
    """A folder `path`, made when absent. `next_door`, if any, is that of a pack whose blobs need not be sent again."""

    def __init__(self, path: str, next_door: "str | None"):
        self._path = path
        self._next_door = next_door
        for folder in (path, path + "/blobs", path + "/incoming"):
            try:
                make_private_folder(folder)
            except OSError:
                pass  # it is there, or the first write to it will say what is wrong

    def size(self, name: str) -> "int | None":
        return _size(self._own(name))

    def lent(self, name: str) -> "int | None":
        return None if self._next_door is None else _size(self._next_door + "/" + name)

    def path(self, name: str) -> str:
        own = self._own(name)
        return own if self._next_door is None or _size(own) is not None else self._next_door + "/" + name

    def names(self, part: str) -> list:
        return os.listdir(self._own(part))

    def incoming(self) -> list:
        found = []
        for name in self.names("incoming"):
            facts = os.stat(self._own("incoming/" + name))
            found.append((facts[8], name, facts[6]))
        return [one[1:] for one in sorted(found)]

    def open(self, name: str) -> BlobFile:
        return BlobFile(self._own(name))

    def remove(self, name: str) -> None:
        if self.size(name) is not None:
            os.remove(self._own(name))

    def publish(self, file: BlobFile, name: str, new_name: str):
        def job() -> None:
            file.file.flush()
            fsync_file(file.file)
            file.close()
            os.rename(self._own(name), self._own(new_name))
            sync_folder(self._own(new_name))

        return start(job)

    def read(self, name: str, size_max: int) -> bytes:
        path = self.path(name)
        size = _size(path)
        if size is None:
            return b""
        with open(path, "rb") as file:
            return file.read(min(size, size_max))  # MicroPython allocates what it is asked for

    def write_in_place(self, name: str, data: bytes) -> None:
        fresh = self.size(name) is None
        file = self.open(name)
        try:
            file.write(0, data)
            file.file.flush()
            fsync_file(file.file)
        finally:
            file.close()
        if fresh:
            sync_folder(self._own(name))

    def free_bytes(self) -> int:
        found = os.statvfs(self._path)
        return found[1] * found[4]

    def _own(self, name: str) -> str:
        return self._path + "/" + name


def _size(path: str) -> "int | None":
    try:
        return os.stat(path)[6]
    except OSError:
        return None
