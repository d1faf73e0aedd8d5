"""One blob on its way in: written as it comes, hashed in slices, published when it is whole and right."""

import hashlib

SLICE_BYTES = 1 << 16
"""Hashed in one go at most: about 0.1 ms on a small Linux board, and a quarter of a second of an SD card over SPI."""


def hex_name(part: str, sha256: bytes) -> str:
    """Name of a blob in `part` of a blob folder."""
    return part + "/" + sha256.hex()


class Incoming:
    """`held`: bytes that are here. What an earlier life wrote counts, and is hashed again like all the rest.

    Raises OSError, like the folder.
    """

    def __init__(self, folder, sha256: bytes, size: int, is_manifest: bool):
        self.sha256 = sha256
        self.size = size
        self.is_manifest = is_manifest
        self._folder = folder
        self._name = hex_name("incoming", sha256)
        self.held = folder.size(self._name) or 0
        if self.held > size:
            folder.remove(self._name)
            self.held = 0
        self._file = folder.open(self._name)
        self._digest = hashlib.sha256()
        self._hashed = 0
        self._found = b""
        self._published = None

    def put(self, offset: int, data: "bytes | memoryview") -> None:
        """Write what of `data` is not here yet; `offset` is at most `held`."""
        fresh = memoryview(data)[self.held - offset :]
        if not len(fresh):
            return
        self._file.write(self.held, fresh)
        if self._hashed == self.held:
            self._digest.update(fresh)
            self._hashed += len(fresh)
        self.held += len(fresh)

    def hash_slice(self) -> bool:
        """Hash some of what is not hashed yet; whether all that is here is."""
        if self._hashed < self.held:
            data = self._file.read(self._hashed, min(SLICE_BYTES, self.held - self._hashed))
            if not data:
                raise OSError("expected %d bytes more, found the end" % (self.held - self._hashed))
            self._digest.update(data)
            self._hashed += len(data)
        return self._hashed == self.held

    def is_right(self) -> bool:
        """Whether all of it, hashed, is the blob of its name."""
        if not self._found:
            self._found = self._digest.digest()
        return self._found == self.sha256

    def content(self) -> bytes:
        """The whole, for a manifest."""
        return self._file.read(0, self.size)

    def publish(self) -> bool:
        """Make it a blob for good; True once it is, ask again until then."""
        if self._published is None:
            self._published = self._folder.publish(self._file, self._name, hex_name("blobs", self.sha256))
        return self._published()

    @property
    def publishing(self) -> bool:
        """Whether `publish` was called: nothing is written after that."""
        return self._published is not None

    def close(self) -> None:
        """Leave it as it is, to be resumed."""
        if self._published is None:
            self._file.close()

    def discard(self) -> None:
        """Begin anew next time."""
        self.close()
        self._folder.remove(self._name)
