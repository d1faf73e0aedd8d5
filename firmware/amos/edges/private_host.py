"""Files that only their owner can read, on CPython."""

import os
from typing import BinaryIO


def create_private(path: str) -> BinaryIO:
    """An empty file for writing, mode 0600 from its first moment."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb")
