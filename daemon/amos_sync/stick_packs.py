"""Packs on a stick: manifests by the pack's id, blobs by their SHA-256; only what the publisher signed is taken.

On this machine a pack that a stick brought lies in `carried-pack` in the spool's folder, as in any folder of `--packs`,
and gives way only to one of a higher serial. A player checks it once more.
"""

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from amos.crypto import verify
from amos.edges.durable_host import sync_folder, write_whole
from amos.edges.private_host import create_private, make_private_folders
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.link_courier_pack import PackToSend
from amos.protocol.manifest import Manifest, open_manifest
from amos_sync.errors import SpoolError, StickError, StickRefused
from amos_sync.inbox import READ_BYTES
from amos_sync.limits import PACK_BYTES_MAX
from amos_sync.pack_source import BLOBS_NAME, CARRIED_NAME, MANIFEST_NAME, file_sha256
from amos_sync.report import reading
from amos_sync.spool_file import PACK_DOCUMENT
from amos_sync.stick_export import Progress
from amos_sync.stick_folder import StickFolder, read_stick

PACKS_NAME = "packs"
SUFFIX = ".manifest"
MANIFEST_FILE = re.compile(r"[0-9a-f]{32}\.manifest", re.IGNORECASE)


def export_pack(folder: Path, stick: StickFolder, progress: Progress) -> str | None:
    """Put the pack of the courier with the spool in `folder` on the stick; its name, None where there is none. Raises
    `StickError`; blobs that are there already are not written again."""
    with reading(folder) as database:
        row = database.execute("SELECT payload FROM documents WHERE name = ?", (PACK_DOCUMENT,)).fetchone()
        place = database.execute("SELECT value FROM facts WHERE name = 'pack_blobs'").fetchone()
    if row is None or place is None:
        return None
    pack, blobs = PackToSend(bytes(row[0])), Path(os.fsdecode(bytes.fromhex(place[0])))
    with stick.inner(PACKS_NAME, create=True) as packs:
        done = 0
        for sha256, size in pack.blobs:
            if not packs.has(sha256.hex(), size):
                packs.write(sha256.hex(), _filling(blobs / sha256.hex(), sha256))
            done += size
            progress(done, pack.size_bytes)
        packs.write(pack.pack_id.hex()[:32] + SUFFIX, lambda file: _put(file, pack.signed))
    return _name(pack.manifest)


def import_pack(folder: Path, stick: StickFolder, progress: Progress) -> str | None:
    """Take the newest pack of the publisher's that is newer than what a stick brought before; its name, or None. Raises
    `StickRefused` where one is there that cannot be taken, `SpoolError` for this machine's disk."""
    with reading(folder) as database:
        row = database.execute("SELECT value FROM facts WHERE name = 'publisher_key'").fetchone()
    key = bytes.fromhex(row[0]) if row else b""
    try:
        packs = stick.inner(PACKS_NAME, create=False)
    except StickError:
        return None
    with packs:
        names = [name for name in packs.names() if MANIFEST_FILE.fullmatch(name)]
        if not names:
            return None
        if not key:
            raise StickRefused(
                "packs: not taken, since this courier does not know the publisher; start it with --publisher-key"
            )
        found = [signed for name in names if (signed := _manifest(packs, name, key)) is not None]
        newest = max(found, key=lambda signed: open_manifest(signed, key, verify).serial, default=None)
        carried = folder / CARRIED_NAME
        if newest is None or open_manifest(newest, key, verify).serial <= _serial(carried, key):
            return None
        return _take(carried, packs, PackToSend(newest), progress)


def _take(carried: Path, packs: StickFolder, pack: PackToSend, progress: Progress) -> str:
    if pack.size_bytes > PACK_BYTES_MAX:
        raise StickRefused(f"packs: expected one of at most {PACK_BYTES_MAX >> 20} MiB")
    blobs, done = carried / BLOBS_NAME, 0
    try:
        make_private_folders(blobs)
        for sha256, size in pack.blobs:
            path = blobs / sha256.hex()
            if not path.is_file() or file_sha256(path) != sha256:
                _take_blob(packs, path, size)
            done += size
            progress(done, pack.size_bytes)
        write_whole(carried / MANIFEST_NAME, pack.signed, 0o600)
        wanted = {sha256.hex() for sha256, _size in pack.blobs}
        for path in blobs.iterdir():
            if path.name not in wanted:
                path.unlink()
    except OSError as error:
        raise SpoolError(f"{carried}: cannot be written: {error.strerror or error}") from error
    return _name(pack.manifest)


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
            raise StickRefused(
                f"packs: blob {path.name[:16]}: expected other bytes of that SHA-256; write the stick anew"
            )
        os.replace(staged, path)
        sync_folder(path)
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)


def _manifest(packs: StickFolder, name: str, key: bytes) -> bytes | None:
    try:
        with packs.reading(name, MANIFEST_BYTES_MAX) as file:
            signed = file.read(MANIFEST_BYTES_MAX)
        open_manifest(signed, key, verify)
    except (StickRefused, ProtocolError, OSError):
        return None  # another publisher's, or anybody's
    return signed


def _serial(carried: Path, key: bytes) -> int:
    """Of the pack that a stick brought before."""
    try:
        return int(open_manifest((carried / MANIFEST_NAME).read_bytes(), key, verify).serial)
    except (OSError, ProtocolError):
        return -1


def _filling(path: Path, sha256: bytes) -> Callable[[BinaryIO], None]:
    def fill(file: BinaryIO) -> None:
        digest = hashlib.sha256()
        try:
            source = path.open("rb")
        except OSError as error:
            raise SpoolError(f"{path}: {error.strerror or error}") from error
        with source:
            while data := source.read(READ_BYTES):
                digest.update(data)
                file.write(data)
        if digest.digest() != sha256:
            raise SpoolError(f"{path}: expected other bytes of that SHA-256; the courier fetches it anew")

    return fill


def _put(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _name(manifest: Manifest) -> str:
    return f"pack {manifest.serial} ({manifest.name})"
