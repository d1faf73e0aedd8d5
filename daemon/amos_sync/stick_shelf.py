"""What lies in `amos/packs` on a stick, and what of it has to stay when a courier puts its own pack there.

A manifest is named by its pack's id, the hash of its bytes, so that a damaged one is known as such without any key. Of
the publisher's packs only the newest whole one is of use; another publisher's stay, with their blobs, and so does
whatever has another kind of name. Blobs that no manifest there needs were left by a stick that was pulled out.
"""

import hashlib
import re
from dataclasses import dataclass

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.link_courier_pack import PackToSend
from amos.protocol.manifest import open_manifest
from amos_sync.errors import StickRefused
from amos_sync.limits import STICK_BLOBS_MAX
from amos_sync.stick_folder import StickFolder, read_stick

SUFFIX = ".manifest"
MANIFEST_FILE = re.compile(r"[0-9a-f]{32}\.manifest", re.IGNORECASE)
_BLOB = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_STAGED = re.compile(r"[0-9a-f]{60}\.new|[0-9a-f]{32}\.manifest\.new", re.IGNORECASE)


@dataclass(frozen=True)
class ShelvedPack:
    """A manifest on a stick: `pack` is None where this version cannot read it, `is_signed` by the publisher's key."""

    name: str
    pack: PackToSend | None
    is_signed: bool
    is_damaged: bool


def shelved(packs: StickFolder, key: bytes | None) -> list[ShelvedPack]:
    """Every manifest in the folder. Raises `StickError`."""
    return [_shelved(packs, name, key) for name in packs.names(MANIFEST_FILE)]


def tidy(packs: StickFolder, own: PackToSend, key: bytes | None) -> PackToSend | None:
    """Take away what nobody needs once `own` is there: the publisher's older packs, his newer ones that are not whole,
    damaged manifests, and blobs that no manifest needs. His newer whole one, which then goes before `own`, or None.

    Without `key` nothing says whose a pack is: only what is damaged or needed by none goes. Costs the reading of a
    newer pack. A stick that is pulled out meanwhile has fewer packs, and none that is half there. Raises `StickError`.
    """
    found = shelved(packs, key)
    signed = {one.name: one.pack for one in found if one.pack is not None and one.is_signed}
    his = {name: pack for name, pack in signed.items() if pack.pack_id != own.pack_id}
    newer = [pack for pack in his.values() if pack.manifest.serial > own.manifest.serial and is_whole(packs, pack)]
    newest = max(newer, key=lambda pack: pack.manifest.serial, default=None)
    needless = [one for one in found if one.is_damaged or (one.name in his and one.pack is not newest)]
    stays = [one for one in found if one not in needless]
    needed = set().union(blob_names(newest or own), *(blob_names(one.pack) for one in stays))
    if any(one.pack is None for one in stays):  # of a later version: nobody here knows what it needs
        droppable = set().union(*(blob_names(one.pack) for one in needless))
    else:
        droppable = {name.lower() for name in packs.names(_BLOB, STICK_BLOBS_MAX)}
    for name in [*(one.name for one in needless), *packs.names(_STAGED, STICK_BLOBS_MAX)]:
        packs.remove(name)
    for name in packs.names(_BLOB, STICK_BLOBS_MAX):
        if name.lower() in droppable - needed:
            packs.remove(name)
    return newest


def is_whole(packs: StickFolder, pack: PackToSend) -> bool:
    """Whether every blob of it is there with its bytes, all of which are read."""
    return all(packs.holds(sha256.hex(), size, sha256) for sha256, size in pack.blobs)


def blob_names(pack: PackToSend | None) -> set[str]:
    """Names of its blobs."""
    return set() if pack is None else {sha256.hex() for sha256, _size in pack.blobs}


def manifest_name(pack: PackToSend) -> str:
    """Of the file that has its manifest."""
    return pack.pack_id.hex()[:32] + SUFFIX


def _shelved(packs: StickFolder, name: str, key: bytes | None) -> ShelvedPack:
    try:
        with packs.reading(name, MANIFEST_BYTES_MAX) as file:
            signed = b"".join(iter(lambda: read_stick(name, file), b""))
    except StickRefused:
        return ShelvedPack(name, None, is_signed=False, is_damaged=False)
    if hashlib.sha256(signed).hexdigest()[:32] != name[:32].lower():
        return ShelvedPack(name, None, is_signed=False, is_damaged=True)
    try:
        pack = PackToSend(signed)
    except ProtocolError:
        return ShelvedPack(name, None, is_signed=False, is_damaged=False)
    return ShelvedPack(name, pack, is_signed=_is_signed(signed, key), is_damaged=False)


def _is_signed(signed: bytes, key: bytes | None) -> bool:
    if key is None:
        return False
    try:
        open_manifest(signed, key, verify)
    except ProtocolError:
        return False
    return True
