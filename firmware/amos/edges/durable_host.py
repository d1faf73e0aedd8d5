"""`durable` on CPython, and files that are replaced whole."""

import os
import tempfile
from contextlib import suppress


def sync_folder(path: "str | os.PathLike[str]") -> None:
    """When this returns, the names in the folder of `path` survive a power cut. Raises OSError."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: "str | os.PathLike[str]", data: bytes, mode: int = 0o644) -> None:
    """Put `data` under this name in a folder that exists, in place of what stands there.

    Contract: when this returns, the data and its name survive a power cut. After a crash, or when it raises OSError,
    the name has all of what it had before or all of `data`; a crash may leave a staged `.NAME.….new` beside it.
    """
    folder, name = os.path.split(os.path.abspath(path))
    descriptor, staged = tempfile.mkstemp(prefix=f".{name[:80]}.", suffix=".new", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(staged, path)
    except OSError:
        with suppress(OSError):
            os.unlink(staged)
        raise
    sync_folder(path)
