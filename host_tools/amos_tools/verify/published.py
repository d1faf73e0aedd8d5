"""A copy of the ledger's audit folder: in a folder, at a web server, or at any URL that fsspec knows."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos_places.errors import NotThere
from amos_places.named import source_at
from amos_places.place import Source
from amos_tools.verify.errors import Difference, Unreadable


class Published:
    """Reads by name below one place. Nothing read is trusted: every caller checks it against a hash or a signature."""

    def __init__(self, place: Path | str) -> None:
        self._place = _audit_at(source_at(str(place)))

    def read(self, name: str, bytes_max: int) -> bytes:
        """The file's bytes. Raises `Unreadable` when it is absent or larger than `bytes_max`."""
        return self.first_of([name], bytes_max)[1]

    def first_of(self, names: Sequence[str], bytes_max: int) -> tuple[str, bytes]:
        """(name, bytes) of the first that is there. Raises `Unreadable` when none is."""
        for name in names:
            with suppress(NotThere):
                try:
                    return name, self._place.read(name, bytes_max)
                except NotThere:
                    raise
                except OSError as error:
                    raise Unreadable(str(error)) from None
        raise Unreadable(f"{self._place.name}/{names[0]}: expected a readable file, found none")

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


def _audit_at(place: Source) -> Source:
    """The audit folder that the place has inside, if it is a public one that has; else the place itself."""
    inside = place.below("audit")
    try:
        inside.read("checkpoint", CHECKPOINT_BYTES_MAX)
    except OSError:
        return place
    return inside
