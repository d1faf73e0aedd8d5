"""`directory_lock` on CPython."""

import fcntl
import os

__all__ = ("lock_folder", "unlock")


def lock_folder(path: str) -> int | None:
    """A descriptor to `unlock`; None where another process has one. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        pass  # On a file system without locks the player rather plays unguarded than not at all.
    return descriptor


def unlock(descriptor: int) -> None:
    """Give it back."""
    os.close(descriptor)
