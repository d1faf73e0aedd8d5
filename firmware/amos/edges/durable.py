"""Putting a file's bytes, and its name in its folder, on the medium, on each runtime."""

import os

from amos.compat import MICROPYTHON

__all__ = ("fsync_file", "sync_folder")

if not MICROPYTHON:
    from amos.edges.durable_host import sync_folder

    def fsync_file(file) -> None:
        """When this returns, what was flushed to `file` survives a power cut. Raises OSError."""
        os.fsync(file.fileno())

else:
    try:
        import ffi

        _fsync = ffi.open(None).func("i", "fsync", "i")
        _sync = ffi.open(None).func("v", "sync", "")

        def fsync_file(file) -> None:
            """The unix port: MicroPython has no os.fsync, the C library has."""
            if _fsync(file.fileno()) != 0:
                raise OSError("fsync failed")

        def sync_folder(path: str) -> None:
            """All file systems: folders cannot be opened here. For when a file is made, not while playing."""
            _sync()

    except ImportError:

        def fsync_file(file) -> None:
            """Boards: the file system driver writes through on flush; `os.sync` where the port has it."""
            getattr(os, "sync", int)()

        def sync_folder(path: str) -> None:
            getattr(os, "sync", int)()
