"""Files of this machine that somebody names, read on a thread: one that hangs holds up nobody but who asked for it."""

import os
import stat
import threading

WAIT_S = 0.002
"""So long the player waits itself for a piece, which a disk's cache gives at once."""


class _Reading:
    """One piece under way."""

    def __init__(self, path: bytes, size: int, offset: int, length: int):
        self.asked = (path, size, offset, length)
        self.data = b""
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.data = _read(*self.asked)
        except OSError as error:
            self.error = error

    def is_over(self, wait_s: float) -> bool:
        self._thread.join(wait_s)
        return not self._thread.is_alive()


class LocalFiles:
    """As `protocol.link_stream_host` has it. One piece is under way at a time, whoever asks."""

    def __init__(self) -> None:
        self._reading: _Reading | None = None

    def read(self, path: bytes, size: int, offset: int, length: int) -> bytes | None:
        """The bytes, or None while they are under way. Raises OSError."""
        asked = (path, size, offset, length)
        reading = self._reading
        if reading is not None and reading.asked != asked:
            if not reading.is_over(0):
                raise OSError("file: expected no other to be under way")
            reading = None
        if reading is None:
            reading = self._reading = _Reading(*asked)
        if not reading.is_over(WAIT_S):
            return None
        self._reading = None
        if reading.error is not None:
            raise reading.error
        return reading.data


def _read(path: bytes, size: int, offset: int, length: int) -> bytes:
    if not path.startswith(b"/") or b"\x00" in path:
        raise OSError("file: expected an absolute path")
    # Whoever names a pipe or a device would otherwise have the player wait for it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            raise OSError(f"file: expected one of {size} bytes")
        data = os.pread(descriptor, length, offset)
    finally:
        os.close(descriptor)
    if len(data) != length:
        raise OSError(f"file: expected {length} bytes at {offset}, found {len(data)}")
    return data
