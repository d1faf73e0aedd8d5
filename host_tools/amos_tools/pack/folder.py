"""The folder of a pack: blobs first, manifest last.

Contract: `manifest.cose` is the commit. Blobs and catalogue are written, fsynced and renamed before it; it is renamed
over the old one; only then are blobs that it does not name removed. A crash anywhere leaves the old pack or the new one
whole, with at most some files too many, which the next build removes. A build that is refused
takes away what it put there.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos.packs.folder import BLOBS_NAME, MANIFEST_NAME
from amos_tools.pack.errors import PackStorageFailed

CATALOGUE_NAME = "catalogue.cose"
_STAGED = "*.new"
"""As `write_whole` names what it has not yet put in place."""
_OURS = (BLOBS_NAME, MANIFEST_NAME, CATALOGUE_NAME)


class PackWriter:
    """Writes one pack into `folder`. Every method raises `PackStorageFailed`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / BLOBS_NAME
        self._kept: set[str] = set()
        others = _others(folder)
        if others:
            raise PackStorageFailed(f"{folder}: expected a pack's folder or an empty one, found {others[0]!r} in it")
        self._added: set[Path] = set()
        self._made = [made for made in (self._blobs, folder) if not made.exists()]
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failed(folder, error) from None

    def put_blob(self, data: bytes) -> bytes:
        """Store a blob durably under its SHA-256 (a right one already there is kept) and return that."""
        sha256 = hashlib.sha256(data).digest()
        target = self._blobs / sha256.hex()
        self._kept.add(target.name)
        try:
            whole = target.is_file() and target.stat().st_size == len(data) and target.read_bytes() == data
        except OSError:
            whole = False
        if not whole:
            if not target.exists():
                self._added.add(target)
            write_durably(target, data)
        return sha256

    def abandon(self) -> None:
        """Take away what this build has put there; call it in place of `commit`. A pack that was there stays whole."""
        with suppress(OSError):
            for path in self._added:
                path.unlink(missing_ok=True)
            for made in self._made:
                made.rmdir()  # unless somebody else has put something there

    def commit(self, manifest: bytes, catalogue: bytes) -> None:
        """Make the pack the folder's pack."""
        try:
            write_durably(self.folder / CATALOGUE_NAME, catalogue)
            write_durably(self.folder / MANIFEST_NAME, manifest)
            for path in [*self._blobs.iterdir(), *self.folder.glob(f".{_STAGED}")]:
                if path.is_file() and path.name not in self._kept:
                    path.unlink()
        except OSError as error:
            raise _failed(self.folder, error) from None


def write_durably(target: Path, data: bytes) -> None:
    """Put `data` under this name, whole or not at all, durably. Raises `PackStorageFailed`."""
    try:
        write_whole(target, data)
    except OSError as error:
        raise _failed(target, error) from None


def _others(folder: Path) -> list[str]:
    """What is in the folder and no pack's: a build removes what a pack does not name, so it keeps out of there."""
    try:
        found = sorted(path for path in folder.iterdir() if path.name not in _OURS and not path.match(f".{_STAGED}"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _failed(folder, error) from None
    return [path.name for path in found]


def _failed(path: Path, error: OSError) -> PackStorageFailed:
    return PackStorageFailed(f"{path}: expected room and permission to write, found {error.strerror or error}")
