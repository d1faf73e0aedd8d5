"""The device's key: made on the device from the system's randomness, kept in a file only its owner can read.

Contract: when `load_or_make_seed` returns, the seed survives a power cut; it is never overwritten once it exists. A
read-out of the storage is a read-out of the key (see the threat model in `amos.crypto`).
"""

import os

from amos.compat import MICROPYTHON
from amos.edges.durable import fsync_file

if MICROPYTHON:

    def create_private(path: str):
        """MicroPython has no file modes; there the directory protects the file."""
        return open(path, "wb")

else:
    from amos.edges.private_host import create_private

SEED_BYTES = 32


class KeyFault(Exception):
    """The key file is not a key; nothing is signed with it."""


def load_or_make_seed(path: str) -> bytes:
    """The 32-byte seed in the file `path`; made when the file is absent. Raises `KeyFault`, OSError."""
    try:
        with open(path, "rb") as file:
            seed = file.read()
    except OSError:
        return _make(path)
    if len(seed) != SEED_BYTES:
        raise KeyFault("%s: expected %d bytes, found %d; restore it or remove it" % (path, SEED_BYTES, len(seed)))
    return seed


def _make(path: str) -> bytes:
    seed = os.urandom(SEED_BYTES)
    staged = path + ".new"
    with create_private(staged) as file:
        file.write(seed)
        file.flush()
        fsync_file(file)
    os.rename(staged, path)
    return seed
