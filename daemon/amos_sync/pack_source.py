"""Where the courier finds the pack for its players: a folder, or the same folder on a static web server.

`read_manifest()` and `blob(sha256, size)`, a path of a file of that hash, raise `PackSourceError` and may take long: a
thread of `PackCache` calls them.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Container
from pathlib import Path
from typing import Protocol

from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos_sync.errors import PackSourceError
from amos_sync.limits import PACK_FETCH_TIMEOUT_S

MANIFEST_NAME = "manifest.cose"
BLOBS_NAME = "blobs"
PIECE_BYTES = 1 << 18
FAILURES = (OSError, http.client.HTTPException)


class PackSource(Protocol):
    """One of the two below."""

    name: str

    def read_manifest(self) -> bytes: ...
    def blob(self, sha256: bytes, size: int) -> Path: ...
    def keep_only(self, wanted: Container[str]) -> None:
        """Forget fetched blobs of other names than these (SHA-256 in hex)."""


class FolderSource:
    """A folder on this machine. Its blobs are hashed once, and again when they have changed."""

    def __init__(self, folder: Path):
        self.name = str(folder)
        self._folder = folder
        self._good: dict[bytes, tuple[int, int]] = {}

    def read_manifest(self) -> bytes:
        try:
            with (self._folder / MANIFEST_NAME).open("rb") as file:
                return _capped(self.name, file.read(MANIFEST_BYTES_MAX + 1))
        except OSError as error:
            raise PackSourceError(f"{self.name}: {error.strerror or error}") from None

    def blob(self, sha256: bytes, size: int) -> Path:
        path = self._folder / BLOBS_NAME / sha256.hex()
        try:
            found = path.stat()
            stamp = (found.st_size, found.st_mtime_ns)
            if self._good.get(sha256) != stamp:
                if found.st_size != size or file_sha256(path) != sha256:
                    raise PackSourceError(f"{path}: expected {size} bytes of that SHA-256, found others")
                self._good[sha256] = stamp
        except OSError as error:
            raise PackSourceError(f"{path}: {error.strerror or error}") from None
        return path

    def keep_only(self, wanted: Container[str]) -> None:
        """Nothing is fetched, and a folder is only read."""


class WebSource:
    """A pack at `url`; blobs are fetched into the folder `cache`, each once."""

    def __init__(self, url: str, cache: Path):
        self.name = url.rstrip("/")
        self._folder = FolderSource(cache)
        self._blobs = cache / BLOBS_NAME

    def read_manifest(self) -> bytes:
        try:
            with _opened(f"{self.name}/{MANIFEST_NAME}") as answer:
                return _capped(self.name, answer.read(MANIFEST_BYTES_MAX + 1))
        except FAILURES as error:
            raise PackSourceError(f"{self.name}: {error}") from None

    def blob(self, sha256: bytes, size: int) -> Path:
        try:
            return self._folder.blob(sha256, size)
        except PackSourceError:
            pass  # not here yet, or spoilt
        path = self._blobs / sha256.hex()
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
            self._fetch(path, sha256, size)
        except FAILURES as error:
            raise PackSourceError(f"{self.name}: blob {path.name[:16]}: {error}") from None
        return self._folder.blob(sha256, size)

    def _fetch(self, path: Path, sha256: bytes, size: int) -> None:
        part = path.with_name(path.name + ".part")
        digest, left = hashlib.sha256(), size
        with _opened(f"{self.name}/{BLOBS_NAME}/{path.name}") as answer, part.open("wb") as file:
            while data := answer.read(min(PIECE_BYTES, left + 1)):
                left -= len(data)
                if left < 0:
                    break
                digest.update(data)
                file.write(data)
        if left or digest.digest() != sha256:
            part.unlink()
            raise PackSourceError(f"{self.name}: blob {path.name[:16]}: expected {size} bytes of that SHA-256")
        os.replace(part, path)

    def keep_only(self, wanted: Container[str]) -> None:
        for path in self._blobs.glob("*"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)


def open_source(place: str | Path, cache: Path) -> PackSource:
    """The source at what `packs_address` made of `--packs`: a URL, or a folder."""
    return FolderSource(place) if isinstance(place, Path) else WebSource(place, cache)


def file_sha256(path: Path) -> bytes:
    """SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _opened(url: str) -> http.client.HTTPResponse:
    try:
        answer = urllib.request.urlopen(url, timeout=PACK_FETCH_TIMEOUT_S)
        assert isinstance(answer, http.client.HTTPResponse)
        return answer
    except urllib.error.HTTPError as error:
        raise PackSourceError(f"{url}: {error.code} {error.reason}") from None
    except ValueError as error:
        raise PackSourceError(f"{url}: {error}") from None


def _capped(name: str, data: bytes) -> bytes:
    if len(data) > MANIFEST_BYTES_MAX:
        raise PackSourceError(f"{name}: expected a manifest of at most {MANIFEST_BYTES_MAX} bytes")
    return data
