"""Where the courier finds the pack for its players: a folder, the same folder on a static web server, or what a stick
brought.

`read_manifest()`, `catalogue()` and `blob(sha256, size)`, a path of a file of that hash, raise `PackSourceError` and
may take long: threads call them, and never the courier's loop.
"""

import hashlib
from collections.abc import Container
from pathlib import Path
from typing import Protocol

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import open_manifest
from amos_sync.errors import PackAbsent, PackSourceError
from amos_sync.partial_blob import PartialBlob
from amos_sync.web import WebError, opened

MANIFEST_NAME = "manifest.cose"
CATALOGUE_NAME = "catalogue.cose"
BLOBS_NAME = "blobs"
CARRIED_NAME = "carried-pack"
"""In the spool's folder: the pack that a stick brought."""


class PackSource(Protocol):
    """One of those below."""

    name: str

    def read_manifest(self) -> bytes: ...
    def blob(self, sha256: bytes, size: int) -> Path: ...
    def catalogue(self) -> bytes: ...
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

    def catalogue(self) -> bytes:
        """Whose each stem is, as the publisher signed it; one byte too many of one that is too large."""
        try:
            with (self._folder / CATALOGUE_NAME).open("rb") as file:
                return file.read(CATALOGUE_BYTES_MAX + 1)
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
    """A pack at `url`; blobs are fetched into the folder `cache`, each once. What came of one that was broken off is
    kept, and the rest asked for by range."""

    def __init__(self, url: str, cache: Path):
        self.name = url.rstrip("/")
        self._folder = FolderSource(cache)
        self._blobs = cache / BLOBS_NAME

    def read_manifest(self) -> bytes:
        return self._whole(MANIFEST_NAME, MANIFEST_BYTES_MAX)

    def catalogue(self) -> bytes:
        return self._whole(CATALOGUE_NAME, CATALOGUE_BYTES_MAX)

    def _whole(self, name: str, bytes_max: int) -> bytes:
        try:
            with opened(f"{self.name}/{name}") as answer:
                if answer.partial:
                    raise WebError("answers with a range, which was not asked for")
                return b"".join(answer.pieces(bytes_max))
        except WebError as error:
            raise PackSourceError(f"{self.name}/{name}: {error}") from None

    def blob(self, sha256: bytes, size: int) -> Path:
        try:
            return self._folder.blob(sha256, size)
        except PackSourceError:
            pass  # not here yet, or spoilt
        path = self._blobs / sha256.hex()
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
            PartialBlob(f"{self.name}/{BLOBS_NAME}/{path.name}", path, size).fetch()
        except (OSError, WebError) as error:
            raise PackSourceError(f"{self.name}: blob {path.name[:16]}: {error}") from None
        return self._folder.blob(sha256, size)

    def keep_only(self, wanted: Container[str]) -> None:
        for path in self._blobs.glob("*"):
            if path.name.partition(".")[0] not in wanted:
                path.unlink(missing_ok=True)


class NewestSource:
    """The newest pack by the publisher's key of those that the sources have: one may be out of reach."""

    def __init__(self, sources: list[PackSource], key: bytes):
        self.name = sources[0].name
        self._sources = sources
        self._key = key
        self._chosen = sources[0]

    def read_manifest(self) -> bytes:
        found, trouble = [], None
        for source in self._sources:
            try:
                signed = source.read_manifest()
                found.append((open_manifest(signed, self._key, verify).serial, signed, source))
            except PackAbsent:
                continue
            except PackSourceError as error:
                trouble = error
            except ProtocolError as error:
                trouble = PackSourceError(f"{source.name}: {error}")
        if not found:
            raise trouble or PackAbsent(f"{self.name}: no pack there yet")
        _serial, signed, self._chosen = max(found, key=lambda one: one[0])
        return signed

    def catalogue(self) -> bytes:
        return self._chosen.catalogue()

    def blob(self, sha256: bytes, size: int) -> Path:
        return self._chosen.blob(sha256, size)

    def keep_only(self, wanted: Container[str]) -> None:
        self._chosen.keep_only(wanted)


class CarriedSource(FolderSource):
    """A folder that sticks fill: empty until one brings a pack."""

    def read_manifest(self) -> bytes:
        if not (self._folder / MANIFEST_NAME).exists():
            raise PackAbsent(f"{self.name}: no stick has brought one")
        return super().read_manifest()


def open_source(place: str | Path, cache: Path) -> PackSource:
    """The source at what `packs_address` made of `--packs`: a URL, or a folder."""
    return FolderSource(place) if isinstance(place, Path) else WebSource(place, cache)


def source_for(place: str | Path | None, spool: Path, key: bytes | None) -> PackSource | None:
    """Where a courier with this spool looks for packs: at what `--packs` names, and where it knows the publisher's key
    at what a stick brought; None where it has neither."""
    sources: list[PackSource] = [] if place is None else [open_source(place, spool / "packs")]
    if key is None:
        return sources[0] if sources else None
    return NewestSource([*sources, CarriedSource(spool / CARRIED_NAME)], key)


def file_sha256(path: Path) -> bytes:
    """SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _capped(name: str, data: bytes) -> bytes:
    if len(data) > MANIFEST_BYTES_MAX:
        raise PackSourceError(f"{name}: expected a manifest of at most {MANIFEST_BYTES_MAX} bytes")
    return data
