"""`durable` on CPython."""

import os


def sync_folder(path: str) -> None:
    """When this returns, the names in the folder of `path` survive a power cut. Raises OSError."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
