"""The packs a player holds: which one is active, which one waits to be, and none of them lost on the way.

The player tries the `pending` pack at the next section, or at its next start, and says `commit` or `refuse`; the active
one stays until then. How a pack comes in is in `intake.py`.

What a cut leaves: a kept state that names the old pack, or the new one as pending, or the new one as active; and the
blobs of every pack that it names.
"""

import hashlib

from amos.edges.stem_file import BlobError
from amos.packs.folder import PackError, PackFolder
from amos.packs.incoming import hex_name
from amos.packs.kept_state import NONE, KeptState, load_kept_state
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.link import BAD_SCORE
from amos.protocol.manifest import Manifest, open_manifest

TRIES_MAX = 3
"""Starts with a pending pack before it is given up: one that brings the player down must not do so for ever."""


class StoredPack(PackFolder):
    """A pack of the store; a blob that is not in there is next door."""

    def __init__(self, folder, manifest: Manifest, pack_id: bytes):
        PackFolder.__init__(self, folder.path("blobs"), manifest, pack_id)
        self._folder = folder

    def score(self) -> bytes:
        facts = self.manifest
        data = self._folder.read(hex_name("blobs", facts.score_sha256), facts.score_bytes)
        if hashlib.sha256(data).digest() != facts.score_sha256:
            raise BlobError("score: expected SHA-256 %s, found another" % facts.score_sha256.hex()[:16])
        return data

    def blob_path(self, sha256: bytes) -> str:
        return self._folder.path(hex_name("blobs", sha256))


class PackStore:
    """`folder` as in `blob_folder`; `verify` checks signatures of the `publisher`'s key. Construction raises OSError.

    playing   (pack id, serial) of the pack that plays, wherever it is from
    refused   pack id -> (code, sentence) of those that could not be played, in this life
    spoilt    SHA-256 of the blobs that the pack that plays found wrong
    """

    def __init__(self, folder, publisher: bytes, verify):
        self.folder = folder
        self._publisher = publisher
        self._verify = verify
        self._verified: set = set()
        self.playing = (NONE, 0)
        self.refused = {}
        self.spoilt: list = []
        self._kept = load_kept_state(folder)

    @property
    def pending(self) -> "bytes | None":
        """Id of the pack that waits, or None. A refused pack does not wait, even if the refusal is not stored."""
        pending = self._kept.pending
        return None if pending == NONE or pending in self.refused else pending

    @property
    def serial(self) -> int:
        """The highest serial that ever played here; there is no way back to an older one."""
        return max(self._kept.serial, self.playing[1])

    def held(self) -> list:
        """Ids of the packs whose blobs must stay, as far as the store has them itself."""
        named = {self._kept.active, self._kept.pending, self.playing[0]} - {NONE}
        return [pack_id for pack_id in sorted(named) if self._has(pack_id)]

    def begin_life(self) -> None:
        """At each start: count the try of a pending pack, or give it up. Raises OSError."""
        kept = self._kept
        if kept.pending == NONE:
            return
        if kept.tries >= TRIES_MAX:
            self.refuse(kept.pending, BAD_SCORE, "pack: did not start in %d tries" % TRIES_MAX)
        else:
            self._write(kept.active, kept.pending, kept.serial, kept.tries + 1)

    def choices(self) -> list:
        """Ids of the packs to play, the best first."""
        named = (self._kept.pending, self._kept.active)
        return [pack_id for pack_id in named if pack_id != NONE and pack_id not in self.refused]

    def signed_manifest(self, pack_id: bytes) -> bytes:
        """Its bytes, of which the hash is the pack id. Raises `PackError`, OSError."""
        if not self._has(pack_id):
            raise PackError("pack %s: expected its manifest, found none" % pack_id.hex()[:16])
        signed = self.folder.read(hex_name("blobs", pack_id), MANIFEST_BYTES_MAX)
        if hashlib.sha256(signed).digest() != pack_id:
            raise PackError("pack %s: expected its manifest, found other bytes" % pack_id.hex()[:16])
        return signed

    def manifest(self, pack_id: bytes) -> Manifest:
        """Raises `PackError`, what `open_manifest` raises, OSError."""
        return self.verified(self.signed_manifest(pack_id), pack_id)

    def verified(self, signed: bytes, pack_id: bytes) -> Manifest:
        """The manifest of these bytes, `pack_id` being their hash. Raises what `open_manifest` raises.

        A signature is checked once in a life: that takes a small board the time of many blocks.
        """
        manifest = open_manifest(signed, self._publisher, _good if pack_id in self._verified else self._verify)
        self._verified.add(pack_id)
        return manifest

    def open(self, pack_id: bytes) -> StoredPack:
        """Raises like `manifest`."""
        return StoredPack(self.folder, self.manifest(pack_id), pack_id)

    def wait(self, pack_id: bytes) -> None:
        """This one, of which everything is here, is pending when this returns. Raises OSError."""
        self._write(self._kept.active, pack_id, self._kept.serial)

    def commit(self, pack) -> bool:
        """`pack` plays; whether that is a change: it was pending, and is active when this returns. Raises OSError."""
        serial = pack.manifest.serial
        self.playing = (pack.pack_id, serial)
        if pack.pack_id != self._kept.pending:
            return False
        self._write(pack.pack_id, NONE, max(serial, self._kept.serial))
        return True

    def refuse(self, pack_id: bytes, code: int, text: str) -> None:
        """This pack cannot be played; it is not taken again in this life. Raises OSError."""
        self.refused[pack_id] = (code, text)
        if pack_id == self._kept.pending:
            self._write(self._kept.active, NONE, self._kept.serial)

    def _has(self, pack_id: bytes) -> bool:
        return self.folder.size(hex_name("blobs", pack_id)) is not None

    def _write(self, active: bytes, pending: bytes, serial: int, tries: int = 0) -> None:
        kept = KeptState(self._kept.generation + 1, serial, active, pending, tries)
        kept.store(self.folder)
        self._kept = kept


def _good(_key: bytes, _message: bytes, _signature: bytes) -> bool:
    """These bytes were verified before."""
    return True
