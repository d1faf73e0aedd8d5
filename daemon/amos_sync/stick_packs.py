"""Packs on a stick: manifests by the pack's id, blobs by their SHA-256; only what the publisher signed is taken.

On this machine a pack that a stick brought lies in `carried-pack` in the spool's folder, as in any folder of `--packs`,
and gives way only to one of a higher serial. A player checks it once more.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from amos.crypto import verify
from amos.edges.durable_host import sync_folder, write_whole
from amos.edges.private_host import create_private, make_private_folders
from amos.protocol.errors import ProtocolError
from amos.protocol.link_courier_pack import PackToSend
from amos.protocol.manifest import Manifest, open_manifest
from amos_sync.errors import PackSourceError, SpoolError, StickAbsent, StickError, StickFull, StickRefused
from amos_sync.inbox import READ_BYTES
from amos_sync.limits import PACK_BYTES_MAX
from amos_sync.pack_source import BLOBS_NAME, CARRIED_NAME, MANIFEST_NAME, file_sha256
from amos_sync.report import reading
from amos_sync.spool_file import PACK_DOCUMENT
from amos_sync.stick_export import SPARE_BYTES, Progress
from amos_sync.stick_folder import StickFolder, megabytes, read_stick
from amos_sync.stick_shelf import MANIFEST_FILE, manifest_name, shelved, tidy

PACKS_NAME = "packs"
ANEW = "plug the stick in where the music comes from, which writes anew what is damaged"
START_ANEW = "start the courier anew: it fetches that again, or says what is wrong with --packs"


class PackExport:
    """The pack of the courier with the spool in `folder`, on its way to a stick: `make_room`, then `write`."""

    def __init__(self, folder: Path, stick: StickFolder) -> None:
        with reading(folder) as database:
            row = database.execute("SELECT payload FROM documents WHERE name = ?", (PACK_DOCUMENT,)).fetchone()
            place = database.execute("SELECT value FROM facts WHERE name = 'pack_blobs'").fetchone()
            self._key = _publisher_key(database)
        self._stick = stick
        self._own = None if row is None or place is None else PackToSend(bytes(row[0]))
        self._blobs = Path() if place is None else Path(os.fsdecode(bytes.fromhex(place[0])))
        self._newer: PackToSend | None = None

    def make_room(self) -> None:
        """Take away what nobody needs once the pack is there (`stick_shelf.tidy`). Raises `StickError`."""
        if self._own is not None:
            with self._stick.inner(PACKS_NAME, create=True) as packs:
                self._newer = tidy(packs, self._own, self._key)

    def write(self, progress: Progress) -> str | None:
        """Put the pack there, or leave the publisher's newer one; what is there is called, None where there is none.

        What lies there already is read and hashed, and only what is missing or damaged is written: a pack that is there
        whole costs its reading. Raises `StickFull` with nothing of it begun, `StickError`, and `PackSourceError` for a
        blob here that is not what the pack says.
        """
        if self._newer is not None:
            return _name(self._newer.manifest)
        if self._own is None:
            return None
        pack, done = self._own, 0
        with self._stick.inner(PACKS_NAME, create=True) as packs:
            missing = []
            for sha256, size in pack.blobs:
                if packs.holds(sha256.hex(), size, sha256):
                    done += size
                    progress(done, pack.size_bytes)
                else:
                    packs.remove(sha256.hex())
                    missing.append((sha256, size))
            self._check_room(packs, [size for _sha256, size in missing])
            try:
                for sha256, size in missing:
                    packs.write(sha256.hex(), _filling(self._blobs / sha256.hex(), sha256))
                    done += size
                    progress(done, pack.size_bytes)
                packs.write(manifest_name(pack), lambda file: _put(file, pack.signed))
            except StickFull:
                for sha256, _size in missing:
                    packs.remove(sha256.hex())
                raise
        return _name(pack.manifest)

    def _check_room(self, packs: StickFolder, sizes: list[int]) -> None:
        assert self._own is not None
        needed = packs.needed_bytes([*sizes, len(self._own.signed)]) + SPARE_BYTES
        missing = needed - packs.free_bytes
        if missing <= 0:
            return
        others = {name.lower() for name in packs.names(MANIFEST_FILE)} - {manifest_name(self._own)}
        raise StickFull(
            f"There is no room for the music itself: {megabytes(missing)} are missing. Delete other things from the"
            " stick, or take a larger one, and plug it in here again."
            + (f" In the folder amos/{PACKS_NAME} on it is other music too, which may go." if others else ""),
            missing,
        )


def import_pack(folder: Path, stick: StickFolder, progress: Progress) -> str | None:
    """Take the newest pack of the publisher's, unless what a stick brought before is as new and whole; its name, or
    None. Costs the hashing of what is here. Raises `StickRefused` where one is there that cannot be taken, `SpoolError`
    for this machine's disk, `StickError`."""
    with reading(folder) as database:
        key = _publisher_key(database)
    try:
        packs = stick.inner(PACKS_NAME, create=False)
    except StickAbsent:
        return None
    except StickError as error:
        raise StickRefused(str(error)) from None
    with packs:
        found = shelved(packs, key)
        if not found:
            return None
        if key is None:
            raise StickRefused(
                "packs: not taken, since this courier does not know the publisher; start it with --publisher-key"
            )
        packs_found = [one.pack for one in found if one.is_signed and one.pack is not None]
        newest = max(packs_found, key=lambda pack: pack.manifest.serial, default=None)
        if newest is None:
            if any(one.pack is None for one in found):
                raise StickRefused(f"packs: the pack's manifest is damaged, or of a later version of amos; {ANEW}")
            return None
        carried = folder / CARRIED_NAME
        before = _before(carried, key)
        is_repaired = before is not None and before.pack_id == newest.pack_id
        if before is not None and before.manifest.serial >= newest.manifest.serial and not is_repaired:
            return None
        took = _take(carried, packs, newest, progress)
        return None if is_repaired and not took else _name(newest.manifest)


def _take(carried: Path, packs: StickFolder, pack: PackToSend, progress: Progress) -> int:
    """Blobs that were not here."""
    if pack.size_bytes > PACK_BYTES_MAX:
        raise StickRefused(f"packs: expected one of at most {PACK_BYTES_MAX >> 20} MiB")
    blobs, done, took = carried / BLOBS_NAME, 0, 0
    try:
        make_private_folders(blobs)
        for sha256, size in pack.blobs:
            path = blobs / sha256.hex()
            if not path.is_file() or file_sha256(path) != sha256:
                _take_blob(packs, path, size)
                took += 1
            done += size
            progress(done, pack.size_bytes)
        write_whole(carried / MANIFEST_NAME, pack.signed, 0o600)
        wanted = {sha256.hex() for sha256, _size in pack.blobs}
        for path in blobs.iterdir():
            if path.name not in wanted:
                path.unlink()
    except OSError as error:
        raise SpoolError(f"{carried}: cannot be written: {error.strerror or error}") from error
    return took


def _take_blob(packs: StickFolder, path: Path, size: int) -> None:
    staged = path.with_name(path.name + ".part")
    try:
        with packs.reading(path.name, size) as file, create_private(staged) as copy:
            digest = hashlib.sha256()
            while data := read_stick(path.name, file):
                digest.update(data)
                copy.write(data)
            copy.flush()
            os.fsync(copy.fileno())
        if digest.hexdigest() != path.name:
            raise StickRefused(f"blob {path.name[:16]}: expected other bytes of that SHA-256")
        os.replace(staged, path)
        sync_folder(path)
    except StickRefused as error:
        raise StickRefused(f"packs: {error}; {ANEW}") from None
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)


def _before(carried: Path, key: bytes) -> PackToSend | None:
    """The pack that a stick brought before."""
    try:
        signed = (carried / MANIFEST_NAME).read_bytes()
        open_manifest(signed, key, verify)
        return PackToSend(signed)
    except (OSError, ProtocolError):
        return None


def _publisher_key(database: sqlite3.Connection) -> bytes | None:
    row = database.execute("SELECT value FROM facts WHERE name = 'publisher_key'").fetchone()
    return (bytes.fromhex(row[0]) or None) if row else None


def _filling(path: Path, sha256: bytes) -> Callable[[BinaryIO], None]:
    def fill(file: BinaryIO) -> None:
        digest = hashlib.sha256()
        for data in _pieces(path):
            digest.update(data)
            file.write(data)
        if digest.digest() != sha256:
            raise PackSourceError(f"{path}: expected other bytes of that SHA-256; {START_ANEW}")

    return fill


def _pieces(path: Path) -> Iterator[bytes]:
    """Of a file of this machine, whose errors are none of the stick's."""
    try:
        with path.open("rb") as file:
            while data := file.read(READ_BYTES):
                yield data
    except OSError as error:
        raise PackSourceError(f"{path}: {error.strerror or error}; {START_ANEW}") from error


def _put(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _name(manifest: Manifest) -> str:
    return f"pack {manifest.serial} ({manifest.name})"
