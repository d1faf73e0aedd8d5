"""Every shim for what MicroPython lacks or does otherwise, each with its reason."""

import sys

MICROPYTHON = sys.implementation.name == "micropython"

try:
    from micropython import const  # folds module constants at compile time
except ImportError:

    def const(value):  # type: ignore[no-redef]
        """CPython has no compile-time constants; the value itself serves."""
        return value

if MICROPYTHON:
    import os

    try:
        import ffi  # the unix port: the C library's own fsync

        _fsync = ffi.open(None).func("i", "fsync", "i")

        def fsync_file(file) -> None:
            """Put a file's bytes on the medium; MicroPython has no os.fsync."""
            if _fsync(file.fileno()) != 0:
                raise OSError("fsync failed")

    except ImportError:

        def fsync_file(file) -> None:
            """Boards: the file system driver writes through on flush; `os.sync` where the port has it."""
            getattr(os, "sync", int)()
else:
    import os

    def fsync_file(file) -> None:
        """Put a file's bytes on the medium."""
        os.fsync(file.fileno())
