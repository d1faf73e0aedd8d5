"""`durable` on CPython, and files that are replaced whole."""

import os
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
    replace_whole(path, data, mode)
    sync_folder(path)


def replace_whole(path: "str | os.PathLike[str]", data: bytes, mode: int = 0o644) -> None:
    """As `write_whole`, but when this returns, a power cut may still leave the name with what it had before."""
    folder, name = os.path.split(os.path.abspath(path))
    staged = os.path.join(folder, f".{name[:80]}.{os.urandom(6).hex()}.new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            os.fchmod(descriptor, mode)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(staged, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(staged)
        if error.errno and error.filename is None:  # as where the disk is full
            error.filename = os.fspath(path)
        raise
