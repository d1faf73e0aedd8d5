"""The files of a device's keys in the player's directory, and how one that is no longer needed goes.

`device.key` signs. The others are there only while a key gives way to the next, or after one has: key_rotation.py.
"""

import os

from amos.edges.durable import fsync_file, sync_folder
from amos.edges.private import open_private

KEY = "/device.key"
NEXT_KEY = "/next.key"
SPENT_KEY = "/next.key.old"
HISTORY = "/key-history"
REQUEST = "/rotate-key"


class KeyFault(Exception):
    """The key file is not a key, or not this machine's; nothing is signed with it."""


def exists(path: str) -> bool:
    """Whether there is a file of that name."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def overwrite(path: str) -> None:
    """Zeros over a secret that nobody needs, durably; where there is no such file, nothing. Raises OSError.

    Flash keeps old blocks until they are used again, which no program can prevent.
    """
    if not exists(path):
        return
    with open_private(path, "r+b") as file:
        file.write(bytes(os.stat(path)[6]))
        file.flush()
        fsync_file(file)


def rename(path: str, other: str) -> None:
    """Durably, to a name that is free. Raises OSError."""
    os.rename(path, other)
    sync_folder(other)


def remove(path: str) -> None:
    """Durably; where there is no such file, nothing. Raises OSError."""
    if exists(path):
        os.remove(path)
        sync_folder(path)
