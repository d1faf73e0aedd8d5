"""`private` on CPython, and devices that only one program has."""

import os
from contextlib import suppress
from typing import IO

_WAYS = {
    "wb": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "ab": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "r+b": os.O_RDWR,
}
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


def create_private(path: "str | os.PathLike[str]") -> IO[bytes]:
    with suppress(FileNotFoundError):
        os.unlink(path)
    return _opened(path, _WAYS["wb"] | os.O_EXCL, "wb", -1)


def open_private(path: "str | os.PathLike[str]", mode: str, buffering: int = -1) -> IO[bytes]:
    return _opened(path, _WAYS[mode] | os.O_NOFOLLOW, mode, buffering)


def _opened(path: "str | os.PathLike[str]", flags: int, mode: str, buffering: int) -> IO[bytes]:
    file: IO[bytes] = os.fdopen(os.open(path, flags, _FILE_MODE), mode, buffering)
    keep_private(file)
    return file


def keep_private(file: IO[bytes]) -> None:
    # A file system without modes refuses, and so does a file of somebody else's.
    with suppress(PermissionError):
        os.fchmod(file.fileno(), _FILE_MODE)


def make_private_folder(path: "str | os.PathLike[str]") -> None:
    os.mkdir(path, _FOLDER_MODE)
    with suppress(PermissionError):
        os.chmod(path, _FOLDER_MODE)


def make_private_folders(path: "str | os.PathLike[str]") -> None:
    """The folder and those above it that are missing; one that is there keeps its mode."""
    if not os.path.isdir(path):
        make_private_folders(os.path.dirname(os.path.abspath(path)))
        with suppress(FileExistsError):
            make_private_folder(path)


def claim_private(path: "str | os.PathLike[str]") -> None:
    """Make a file that another library is going to fill; one that is there stays as it is."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE))


def open_exclusive(path: str) -> IO[bytes]:
    """A block device for reading and writing, unbuffered; refused with OSError while a file system on it is mounted."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_EXCL), "r+b", buffering=0)
