"""Putting a file's bytes on the medium, on each runtime."""

import os

from amos.compat import MICROPYTHON

if not MICROPYTHON:

    def fsync_file(file) -> None:
        """When this returns, what was flushed to `file` survives a power cut. Raises OSError."""
        os.fsync(file.fileno())

else:
    try:
        import ffi

        _fsync = ffi.open(None).func("i", "fsync", "i")

        def fsync_file(file) -> None:
            """The unix port: MicroPython has no os.fsync, the C library has."""
            if _fsync(file.fileno()) != 0:
                raise OSError("fsync failed")

    except ImportError:

        def fsync_file(file) -> None:
            """Boards: the file system driver writes through on flush; `os.sync` where the port has it."""
            getattr(os, "sync", int)()


def append_line(path: str, line: str) -> None:
    """Add a line of text to a file that people read; not synced."""
    with open(path, "a") as file:
        file.write(line + "\n")
