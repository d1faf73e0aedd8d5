"""Blobs by SHA-256 in a folder: `blobs/ab/abcdef…`.

Contract: when `put` returns, the blob and its name are on the disk (file and folder fsynced); a crash before that
leaves at most a file in `tmp/` or a blob that no catalogue row names, both harmless. Putting a blob again is free.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from amos.edges.durable_host import sync_folder
from amos.edges.private_host import make_private_folders
from amos_tools.vault.errors import BlobDamaged, StorageFailed


class Blobs:
    """The blob folder under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> None:
        """Make the folders."""
        make_private_folders(self.root / "blobs")
        make_private_folders(self.root / "tmp")

    def path(self, sha256: bytes) -> Path:
        """Where the blob is or would be."""
        name = sha256.hex()
        return self.root / "blobs" / name[:2] / name

    def put(self, data: bytes) -> bytes:
        """Store `data` durably; return its SHA-256. A damaged copy already there is replaced."""
        sha256 = hashlib.sha256(data).digest()
        target = self.path(sha256)
        try:
            if not self._holds(target, sha256):
                self._write(target, data)
        except OSError as error:
            raise StorageFailed(target, "blob", "room and permission to write", error.strerror or error) from None
        return sha256

    def get(self, sha256: bytes) -> bytes:
        """The blob's bytes, hash checked. Raises `BlobDamaged`."""
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BlobDamaged(path, "blob", "a readable file", error.strerror or error) from None
        found = hashlib.sha256(data).digest()
        if found != sha256:
            raise BlobDamaged(path, "SHA-256", sha256.hex()[:16] + "…", found.hex()[:16] + "…")
        return data

    def remove(self, sha256: bytes) -> None:
        """Take the blob away, if it is there."""
        path = self.path(sha256)
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path)
        except OSError as error:
            raise StorageFailed(path, "blob", "permission to remove it", error.strerror or error) from None

    @staticmethod
    def _holds(target: Path, sha256: bytes) -> bool:
        return target.is_file() and hashlib.sha256(target.read_bytes()).digest() == sha256

    def _write(self, target: Path, data: bytes) -> None:
        folder = target.parent
        if not folder.is_dir():
            make_private_folders(folder)
            sync_folder(folder)
        handle, staged = tempfile.mkstemp(dir=self.root / "tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(staged).replace(target)
        except OSError:
            Path(staged).unlink(missing_ok=True)
            raise
        sync_folder(target)
