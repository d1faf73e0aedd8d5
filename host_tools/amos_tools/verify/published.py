"""The ledger's public directory, as any static web server shows it."""

import hashlib
from pathlib import Path

from amos_tools.verify.errors import Difference, Unreadable


class Published:
    """Reads by name below one folder. Nothing read is trusted: every caller checks it against a hash or a signature."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str, bytes_max: int) -> bytes:
        """The file's bytes. Raises `Unreadable` when it is absent or larger than `bytes_max`."""
        return read_file(self.folder / name, bytes_max)

    def has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def read_hashed(self, folder: str, sha256: bytes, bytes_max: int) -> bytes:
        """`<folder>/<sha256>.cose`, whose bytes must have that hash."""
        name = f"{folder}/{sha256.hex()}.cose"
        data = self.read(name, bytes_max)
        found = hashlib.sha256(data).digest()
        if found != sha256:
            raise Difference(f"SHA-256 of {name}", sha256, found)
        return data


def read_file(path: Path, bytes_max: int) -> bytes:
    """At most `bytes_max` bytes of a file. Raises `Unreadable`."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise Unreadable(f"{path}: expected a readable file, found: {error.strerror or error}") from None
    if len(data) > bytes_max:
        raise Unreadable(f"{path}: expected at most {bytes_max} bytes, found more")
    return data
