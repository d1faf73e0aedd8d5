"""The pack that the courier has for its players, whole and checked: a thread fetches and hashes it, sessions send it.

A pack is shown only when every blob of it is here with the right hash, so that no line is wasted on a half copy. The
publisher's signature is checked too when its key is known; the player checks it in any case.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.link_courier_pack import PackToSend
from amos.protocol.manifest import open_manifest
from amos_sync.errors import PackAbsent, PackSourceError
from amos_sync.limits import PACK_BYTES_MAX, PACK_LOOK_S
from amos_sync.pack_source import PackSource


class CachedPack:
    """A checked pack: `pack` says what it is, `read` gives its bytes, b"" where they are gone. `catalogue()` has the
    bytes of what stands beside it; it may take long, and raises `PackSourceError`."""

    def __init__(self, pack: PackToSend, paths: dict[bytes, Path], catalogue: Callable[[], bytes]):
        self.pack = pack
        self.name = f"pack {pack.manifest.serial} ({pack.manifest.name}, {pack.pack_id.hex()[:8]})"
        self.catalogue = catalogue
        self._paths = paths
        self._open: tuple[bytes, BinaryIO] | None = None

    def read(self, sha256: bytes, offset: int, length: int) -> bytes:
        """For `SendPack`."""
        try:
            if self._open is None or self._open[0] != sha256:
                self.close()
                self._open = (sha256, self._paths[sha256].open("rb"))
            file = self._open[1]
            file.seek(offset)
            return file.read(length)
        except OSError:
            return b""

    def path(self, sha256: bytes) -> bytes:
        """Where a blob lies."""
        return bytes(self._paths[sha256].absolute())

    @property
    def folder(self) -> Path:
        """Where its blobs lie."""
        return next(iter(self._paths.values())).parent.absolute()

    def close(self) -> None:
        """Give the file back."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


class PackCache:
    """`current` is the newest checked pack, or None; `looked` is True once the source was looked at.

    `changed()` is called on the cache's own thread when either changes. `problem` says what is wrong with the source.
    """

    def __init__(self, source: PackSource, publisher_key: bytes | None, changed: Callable[[], None]):
        self.current: CachedPack | None = None
        self.looked = False
        self.problem: str | None = None
        self.name = source.name
        self._source = source
        self._publisher_key = publisher_key
        self._changed = changed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Look at the source, and again every `PACK_LOOK_S`."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more. A fetch under way ends by itself; its part is fetched anew next time."""
        self._stopping.set()

    def look(self) -> None:
        """Take what the source has, if it is whole and another than before."""
        try:
            signed = self._source.read_manifest()
            if self.current is None or self.current.pack.signed != signed:
                self.current = self._checked(signed)
            self.problem = None
        except PackAbsent:
            self.problem = None
        except PackSourceError as error:
            self.problem = str(error)
        except (ProtocolError, OSError) as error:
            self.problem = f"{self.name}: {error}"
        self.looked = True

    def _checked(self, signed: bytes) -> CachedPack:
        if self._publisher_key is not None:
            open_manifest(signed, self._publisher_key, verify)
        pack = PackToSend(signed)
        if pack.size_bytes > PACK_BYTES_MAX:
            raise PackSourceError(f"{self.name}: expected a pack of at most {PACK_BYTES_MAX >> 20} MiB")
        paths = {sha256: self._source.blob(sha256, size) for sha256, size in pack.blobs}
        cached = CachedPack(pack, paths, self._source.catalogue)
        self._source.keep_only({sha256.hex() for sha256, _size in pack.blobs})
        return cached

    def _run(self) -> None:
        while not self._stopping.is_set():
            before = (self.current, self.looked, self.problem)
            self.look()
            if (self.current, self.looked, self.problem) != before:
                self._changed()
            self._stopping.wait(PACK_LOOK_S)
