"""How a pack comes in: its manifest first, then blob by blob in pieces, and last the word to play it.

The courier is not trusted. A manifest must be the publisher's, fit the board and have a higher serial than any that
played; only blobs that it lists are taken, each checked by its hash; and the pack waits for its section when nothing is
missing and its score can be played.

A blob of the pack that plays may have rotted where it lay: it comes again like one that is missing, and the pack is
activated again, to be opened anew.

What a cut leaves: of the blob on its way, the pieces written so far, perhaps a wrong one at their end, which the hash
gives away: then that blob comes anew. Everything that `finish` answered for stays.
"""

import binascii

from amos.compat import const
from amos.packs.folder import PackError
from amos.packs.incoming import Incoming, hex_name
from amos.packs.partials import Partials
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.link import (
    BAD_MANIFEST,
    BAD_OFFER,
    BAD_SCORE,
    BLOB_CONTENT,
    BLOB_MANIFEST,
    BUSY,
    INCOMPLETE,
    NOT_BEGUN,
    NOT_LISTED,
    OLD_SERIAL,
    STORAGE_FAILED,
    STORAGE_FULL,
    WRONG_BOARD,
    WRONG_HASH,
)
from amos.protocol.link_pack_device import PackRefused
from amos.protocol.manifest import Manifest

_RESERVE_BYTES = const(1 << 20)
"""Left free on the medium: the key, settings and summaries live there too. The journal has its room already."""

_NO_ROOM = (28, 122)
"""ENOSPC, and EDQUOT where a quota ends sooner."""


class Staged:
    """A verified manifest whose blobs may still be missing: its pack id, serial, and `needs`: hash -> size."""

    def __init__(self, manifest: Manifest, pack_id: bytes):
        self.pack_id = pack_id
        self.serial = manifest.serial
        self.needs = needs_of(manifest)


def needs_of(manifest: Manifest) -> dict:
    """Hash -> size of every blob of a pack: score and stems."""
    needs = {stem.sha256: stem.size_bytes for stem in manifest.stems}
    needs[manifest.score_sha256] = manifest.score_bytes
    return needs


class PackIntake:
    """What `link_pack_device.PackVerbs` needs, over a `PackStore`; and `tidy`, for the player's loop.

    `fault(manifest)` is a sentence when the pack is not for this board, else None. `playable(pack)` raises a
    `ProtocolError` when no session can begin with it, or nothing of it may be played.
    """

    def __init__(self, store, fault, playable):
        self._store = store
        self._folder = store.folder
        self._fault = fault
        self._playable = playable
        self._coming = None
        self._staged = None
        self._mended: set = set()
        self._untidy = False
        self._junk = []
        self._partials = Partials(store.folder)

    @property
    def spoilt(self) -> int:
        """Blobs of the pack that plays that were found wrong since it was opened."""
        return len(self._store.spoilt)

    @property
    def is_taking(self) -> bool:
        """Whether a blob is on its way."""
        return self._coming is not None

    def begin(self, kind: int, sha256: bytes, size: int) -> int:
        """Take up a blob; bytes that are here already. Raises `PackRefused`."""
        try:
            if kind == BLOB_MANIFEST:
                here = self._knows_manifest(sha256, size)
            elif kind == BLOB_CONTENT:
                here = self._knows_content(sha256, size)
            else:
                raise PackRefused(BAD_OFFER, "kind: expected manifest or content, found %d" % kind)
            return size if here else self._resume(kind, sha256, size)
        except OSError as error:
            raise _failed(error)

    def put(self, sha256: bytes, offset: int, data: "bytes | memoryview") -> int:
        """Take a piece of the blob begun last; bytes that are here after it. Raises `PackRefused`."""
        coming = self._coming
        if coming is None or coming.sha256 != sha256:
            raise PackRefused(NOT_BEGUN, "blob: expected one that is coming in; begin it again")
        if offset + len(data) > coming.size:
            raise PackRefused(BAD_OFFER, "blob: expected at most %d bytes" % coming.size)
        if offset <= coming.held and not coming.publishing:
            try:
                coming.put(offset, data)
            except OSError as error:
                self._give_up_coming(error)
                raise _failed(error)
        return coming.held

    def finish(self, sha256: bytes) -> None:
        """The whole blob is here, right and durable when this returns. Raises `PackRefused`, busy included."""
        coming = self._coming
        if coming is None or coming.sha256 != sha256:
            if self._is_done(sha256):
                return
            raise PackRefused(NOT_BEGUN, "blob: expected one that was begun")
        if coming.held < coming.size:
            raise PackRefused(INCOMPLETE, "blob: expected %d bytes, found %d" % (coming.size, coming.held))
        try:
            self._finish(coming)
        except OSError as error:
            self._give_up_coming(error)
            raise _failed(error)

    def activate(self, sha256: bytes) -> None:
        """The pack of this manifest plays from the next section on. Raises `PackRefused`."""
        store, staged = self._store, self._staged
        again = store.pending is None and sha256 == store.playing[0]
        if sha256 == store.pending or (again and not self._mended):
            return
        if sha256 in store.refused:
            raise PackRefused(*store.refused[sha256])
        if staged is None or staged.pack_id != sha256:
            raise PackRefused(NOT_BEGUN, "pack: expected its manifest first")
        missing = [need for need in staged.needs if not self._here(need, staged.needs[need])]
        if missing:
            raise PackRefused(INCOMPLETE, "pack: expected all blobs, found %d missing" % len(missing))
        if not again:
            self._check_serial(staged.serial)
        try:
            self._check_playable(sha256)
            store.wait(sha256)
        except OSError as error:
            raise _failed(error)

    def committed(self) -> None:
        """Another pack is active, or the same anew: what none needs any more may go."""
        self._mended = set()
        self._untidy = True

    def tidy(self) -> None:
        """Remove at most one file that no pack needs. Never raises; what fails is tried after the next change."""
        try:
            if self._untidy:
                self._untidy = False
                self._junk = self._find_junk()
            elif self._junk:
                name = self._junk.pop()
                if self._coming is None or name != hex_name("incoming", self._coming.sha256):
                    self._folder.remove(name)
        except (OSError, ProtocolError):
            self._junk = []

    def _knows_manifest(self, sha256: bytes, size: int) -> bool:
        if not 1 <= size <= MANIFEST_BYTES_MAX:
            raise PackRefused(BAD_MANIFEST, "manifest: expected 1 to %d bytes" % MANIFEST_BYTES_MAX)
        if self._staged is not None and self._staged.pack_id == sha256:
            return True
        if self._folder.size(hex_name("blobs", sha256)) != size:
            return False
        try:
            self._stage(sha256)
        except PackError:
            self._folder.remove(hex_name("blobs", sha256))  # spoilt where it lay: it comes anew
            return False
        return True

    def _knows_content(self, sha256: bytes, size: int) -> bool:
        if self._staged is None or self._staged.needs.get(sha256) != size:
            raise PackRefused(NOT_LISTED, "blob: expected one that the manifest before it lists")
        return self._here(sha256, size)

    def _here(self, sha256: bytes, size: int) -> bool:
        if sha256 in self._store.spoilt and sha256 not in self._mended:
            return False
        name = hex_name("blobs", sha256)
        return size in (self._folder.size(name), self._folder.lent(name))

    def _is_done(self, sha256: bytes) -> bool:
        staged = self._staged
        if staged is None:
            return False
        return sha256 == staged.pack_id or (sha256 in staged.needs and self._here(sha256, staged.needs[sha256]))

    def _resume(self, kind: int, sha256: bytes, size: int) -> int:
        coming = self._coming
        if coming is not None and coming.publishing:
            # Its file is on its way to the medium, and not to be touched.
            if not coming.publish():
                raise PackRefused(BUSY, "blob: the one before is being stored")
            self._coming = None
        if self._coming is None or self._coming.sha256 != sha256:
            self._drop_coming()
            if sha256 in self._store.spoilt:
                self._folder.remove(hex_name("blobs", sha256))  # a card's file system does not replace it
            self._make_room(sha256, size - min(size, self._folder.size(hex_name("incoming", sha256)) or 0))
            self._coming = Incoming(self._folder, sha256, size, kind == BLOB_MANIFEST)
        return self._coming.held

    def _is_listed(self, name: str) -> bool:
        try:
            return self._staged is not None and binascii.unhexlify(name) in self._staged.needs
        except ValueError:
            return False  # not the name of a blob

    def _make_room(self, sha256: bytes, size: int) -> None:
        if not self._partials.make_room(sha256.hex(), self._is_listed, size + _RESERVE_BYTES):
            raise PackRefused(BUSY, "storage: making room")
        free = self._folder.free_bytes() - _RESERVE_BYTES
        if size <= free:
            return
        if self._untidy or self._junk:
            raise PackRefused(BUSY, "storage: making room")
        raise PackRefused(STORAGE_FULL, "storage: expected %d bytes free, found %d" % (size, max(free, 0)))

    def _finish(self, coming: Incoming) -> None:
        if not coming.hash_slice():
            raise PackRefused(BUSY, "blob: being checked")
        if not coming.is_right():
            self._discard_coming()
            raise PackRefused(WRONG_HASH, "blob: expected SHA-256 %s; it comes anew" % coming.sha256.hex()[:16])
        if coming.is_manifest and not coming.publishing:
            try:
                self._checked(coming.content(), coming.sha256)
            except PackRefused:
                self._discard_coming()
                raise
        if not coming.publish():
            raise PackRefused(BUSY, "blob: being stored")
        self._coming = None
        if coming.is_manifest:
            self._stage(coming.sha256)
        elif coming.sha256 in self._store.spoilt:
            self._mended.add(coming.sha256)

    def _checked(self, signed: bytes, pack_id: bytes) -> Manifest:
        """The manifest, if this player may take it. Raises `PackRefused`."""
        try:
            manifest = self._store.verified(signed, pack_id)
        except ProtocolError as error:
            raise PackRefused(BAD_MANIFEST, str(error))
        except MemoryError:
            raise PackRefused(WRONG_BOARD, "manifest: expected one that fits into memory")
        fault = self._fault(manifest)
        if fault:
            raise PackRefused(WRONG_BOARD, fault)
        if pack_id != self._store.playing[0]:
            self._check_serial(manifest.serial)
        return manifest

    def _check_serial(self, serial: int) -> None:
        if serial <= self._store.serial:
            raise PackRefused(OLD_SERIAL, "serial: expected above %d, found %d" % (self._store.serial, serial))

    def _stage(self, pack_id: bytes) -> None:
        self._staged = Staged(self._checked(self._store.signed_manifest(pack_id), pack_id), pack_id)
        self._untidy = True

    def _check_playable(self, pack_id: bytes) -> None:
        """Raises `PackRefused`, OSError."""
        try:
            self._playable(self._store.open(pack_id))
        except PackRefused:
            raise
        except ProtocolError as error:
            raise PackRefused(BAD_SCORE, str(error))
        except MemoryError:
            raise PackRefused(WRONG_BOARD, "score: expected one that fits into memory")

    def _find_junk(self) -> list:
        keep = set()
        for pack_id in self._store.held():
            keep.add(pack_id.hex())
            keep.update([need.hex() for need in needs_of(self._store.manifest(pack_id))])
        if self._staged is not None:
            keep.add(self._staged.pack_id.hex())
            keep.update([need.hex() for need in self._staged.needs])
        names = [(part, name) for part in ("blobs", "incoming") for name in self._folder.names(part)]
        return [part + "/" + name for part, name in names if name not in keep]

    def _drop_coming(self) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.close()

    def _give_up_coming(self, error) -> None:
        """It is resumed another time, but on a full medium what there is of it takes the room of everything else."""
        if _is_full(error) and self._coming is not None and not self._coming.publishing:
            try:
                self._discard_coming()
            except OSError:
                pass  # the medium fails; what is left there is counted the next time a blob comes
        else:
            self._drop_coming()

    def _discard_coming(self) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.discard()


def _is_full(error) -> bool:
    return bool(error.args) and error.args[0] in _NO_ROOM


def _failed(error) -> PackRefused:
    if _is_full(error):
        return PackRefused(STORAGE_FULL, "storage: expected room, found none")
    return PackRefused(STORAGE_FAILED, "storage: %s" % error)
