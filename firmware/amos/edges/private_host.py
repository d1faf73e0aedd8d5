"""Files that only their owner can read, and devices that only one program has, on CPython."""

import os
from typing import BinaryIO


def create_private(path: str) -> BinaryIO:
    """An empty file for writing, mode 0600 from its first moment."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb")


def open_exclusive(path: str) -> BinaryIO:
    """A block device for reading and writing, unbuffered; refused with OSError while a file system on it is mounted."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_EXCL), "r+b", buffering=0)
