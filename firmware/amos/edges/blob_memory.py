"""The twin of `blob_folder` for tests: keeps what survives apart from what does not; fails or loses power anywhere."""


class PowerCut(Exception):
    """The power is gone; only `MemoryFolder.after_cut` says what is left."""


class MemoryFile:
    """An open file of a `MemoryFolder`."""

    def __init__(self, folder, name: str):
        self._folder = folder
        self.content = folder.files.setdefault(name, bytearray())

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.content[offset : offset + size])

    def write(self, offset: int, data) -> None:
        if self._folder.left() < len(data):
            raise OSError(28, "no space left")
        self._folder.happens(lambda share: self._write(offset, data[: len(data) * share // 2]))

    def _write(self, offset: int, data) -> None:
        self.content[offset : offset + len(data)] = data

    def close(self) -> None:
        return None


class MemoryFolder:
    """Contract as in `blob_folder`.

    files       name -> bytearray, as the player sees them
    synced      name -> bytes, what a power cut leaves at least
    operations  changes so far; the one of number `fail_at` raises OSError, that of number `cut_at` is a `PowerCut`
    share       0, 1 or 2: how much of the operation that fails or is cut comes true, in halves
    room        bytes in all, or None
    busy        answers of `publish` before it is over
    """

    def __init__(self, files=None, next_door=None):
        files = files or {}
        self.files = {name: bytearray(files[name]) for name in files}
        self.synced = {name: bytes(files[name]) for name in files}
        self.next_door = dict(next_door or {})
        self.operations = 0
        self.fail_at = self.cut_at = None
        self.room: int | None = None
        self._moved = {}
        self.share = self.busy = 0

    def happens(self, act) -> None:
        """`act(2)` does the whole of an operation, `act(0)` nothing of it."""
        number, self.operations = self.operations, self.operations + 1
        if number == self.cut_at:
            act(self.share)
            raise PowerCut()
        if number == self.fail_at:
            act(self.share)
            raise OSError("storage failed")
        act(2)

    def used(self) -> int:
        return sum([len(self.files[name]) for name in self.files])

    def size(self, name: str) -> "int | None":
        return len(self.files[name]) if name in self.files else None

    def lent(self, name: str) -> "int | None":
        return len(self.next_door[name]) if name in self.next_door else None

    def path(self, name: str) -> str:
        return name

    def names(self, part: str) -> list:
        return [name.split("/")[1] for name in self.files if name.startswith(part + "/")]

    def incoming(self) -> list:
        return [(name, len(self.files["incoming/" + name])) for name in self.names("incoming")]

    def open(self, name: str) -> MemoryFile:
        return MemoryFile(self, name)

    def remove(self, name: str) -> None:
        def act(share: int) -> None:
            if share:
                self.files.pop(name, None)
            if share == 2:
                self.synced.pop(name, None)

        self.happens(act)

    def publish(self, file: MemoryFile, name: str, new_name: str):
        left = [self.busy]

        def sync(share: int) -> None:
            if share == 2:
                self.synced[name] = bytes(file.content)

        def rename(share: int) -> None:
            if share:
                self.files[new_name] = self.files.pop(name)
                self._moved[new_name] = name
            if share == 2:
                del self._moved[new_name]
                self.synced[new_name] = self.synced.pop(name)

        def over() -> bool:
            left[0] -= 1
            if left[0] < 0:
                self.happens(sync)
                self.happens(rename)
            return left[0] < 0

        return over

    def read(self, name: str, size_max: int) -> bytes:
        return bytes(self.files.get(name, self.next_door.get(name, b""))[:size_max])

    def write_in_place(self, name: str, data: bytes) -> None:
        def act(share: int) -> None:
            content = self.files.setdefault(name, bytearray())
            written = data[: len(data) * share // 2]
            content[: len(written)] = written
            self.synced[name] = bytes(content)

        self.happens(act)

    def free_bytes(self) -> int:
        return self.left()

    def left(self) -> int:
        """Bytes that can still be written, whatever `free_bytes` says."""
        return 1 << 40 if self.room is None else max(self.room - self.used(), 0)

    def after_cut(self, survives) -> "MemoryFolder":
        """What the next start finds. `survives(name)` says of what was not synced: True, as written; False, as it was;
        or bytes that stand there instead.
        """
        found = dict(self.synced)
        for name in self.files:
            if bytes(self.files[name]) == self.synced.get(name):
                continue
            became = survives(name)
            if name in self._moved:
                # What was synced under the old name is under the new one, or was not moved.
                if became is True:
                    found[name] = found.pop(self._moved[name])
                continue
            if became is True:
                found[name] = bytes(self.files[name])
            elif became is not False:
                found[name] = became
        left = MemoryFolder(found, self.next_door)
        left.room = self.room
        return left
