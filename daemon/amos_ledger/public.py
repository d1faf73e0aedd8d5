"""The published directory: checkpoint, tiles, entry bundles and documents, as a static web server hands them out.

Contract: a file appears whole and durable under its name or not at all (written beside, flushed, renamed). Files come
in this order: documents, bundles, tiles, checkpoint; so everything that a checkpoint commits to is there before it.
What stands under a name never changes, but for the checkpoint and the opt-out list; so after a crash, writing what is
missing is recovery enough. Raises `OSError` when the disk refuses. One process at a time calls it
(`Folder.publishing`).
"""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from amos.crypto import verify
from amos.edges.durable_host import sync_folder, write_whole
from amos.protocol.checkpoint_host import Checkpoint, add_signature, sign_checkpoint
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import KeyLine, open_head
from amos.protocol.rotation import LEDGER
from amos_ledger.errors import EntryDamaged, KeyUnusable, RolledBack
from amos_ledger.folder import Folder
from amos_ledger.log import tree
from amos_ledger.log.tiles import TILE_LEVELS, TILE_WIDTH, Tile, bundle, check_hashes, tiles_between
from amos_ledger.store.store import Store

CHECKPOINT = "checkpoint"
WITNESSED = "checkpoint.witnessed"
"""The last checkpoint that enough witnesses have cosigned."""


class Public:
    """The published directory of a ledger's folder."""

    def __init__(self, folder: Folder) -> None:
        self.root = folder.public
        self._folder = folder
        self._complete = False  # nothing is known of what an earlier process left behind

    def publish(self, store: Store, at: Callable[[str], None]) -> Checkpoint:
        """Publish all that `store` holds; the checkpoint over it. `at` is told of each step. Raises `RolledBack`,
        `EntryDamaged`."""
        size = store.size()
        line = store.rotations.line(LEDGER, store.public_key)
        old = self.last(line)
        begun = old.size // TILE_WIDTH * TILE_WIDTH if old and self._complete else size
        read = store.log.cached(begun, size)
        head = Checkpoint(store.origin, size, tree.root(size, read))
        if old is not None and (old.size > size or tree.root(old.size, read) != old.root):
            raise RolledBack(
                f"{self.root / CHECKPOINT}: expected one over a part of the store's {size} entries, found one over"
                f" {old.size} that the store does not have; put the newer store back"
            )
        note = self._sign(head, line)
        at("signed")
        if not self._complete:
            self.publish_documents(store)
        for tile in tiles_between(old.size if old and self._complete else 0, size):
            self._publish_tile(store, tile, read)
        at("tiles written")
        if old != head:
            self.write(CHECKPOINT, note)
        self._complete = True
        return head

    def publish_documents(self, store: Store) -> None:
        """Write the manifests and catalogues that are not there."""
        for folder, sha256 in store.documents.names():
            name = f"{folder}/{sha256.hex()}.cose"
            if not (self.root / name).exists():
                self.write(name, store.documents.bytes_of(folder, sha256))

    def write(self, name: str, data: bytes) -> None:
        """Put `data` under `name` (relative, with /), atomically and durably."""
        path = self.root / name
        _make_folder(path.parent)
        write_whole(path, data)

    def _publish_tile(self, store: Store, tile: Tile, read: tree.Read) -> None:
        if not (self.root / tile.path).exists():
            if tile.level is None:
                data = bundle(entry for _index, entry in store.entries(tile.first, tile.first + tile.width))
            else:
                level = tile.level * TILE_LEVELS
                data = b"".join(read(level, index) for index in range(tile.first, tile.first + tile.width))
                try:
                    check_hashes(tile, data, read)
                except LookupError as error:
                    raise EntryDamaged(str(error)) from None
            self.write(tile.path, data)
        if tile.width == TILE_WIDTH:
            # Partial forms of older checkpoints may go once the full tile is there.
            shutil.rmtree(self.root / tile.partials, ignore_errors=True)

    def _sign(self, head: Checkpoint, line: KeyLine) -> bytes:
        """By the key in force, and while the transition lasts by the one before it, whom others may know still."""
        folder = self._folder
        if line.present != folder.public_key:
            raise KeyUnusable(f"{folder.path}: the ledger's key was changed meanwhile; do it again")
        note = sign_checkpoint(head, line.present, folder.sign)
        before = folder.key_before(time.time())
        if before is None:
            return note
        return add_signature(note, head, before, partial(folder.sign_by, before))

    def last(self, line: KeyLine | None = None) -> Checkpoint | None:
        """The published checkpoint, or None; `line` is the folder's unless another is known."""
        path = self.root / CHECKPOINT
        if not path.exists():
            return None
        try:
            return open_head(path.read_bytes(), line or self._folder.line, verify)[0]
        except ProtocolError as error:
            if self._folder.appointment_after(line or self._folder.line) is not None:
                raise RolledBack(
                    f"{self.root / 'rotations'}: expected no change of the ledger's key that the store does not have,"
                    " found one; put the newer store back"
                ) from None
            # Nothing of ours leaves half a checkpoint; to write over what somebody else put here might hide a fork.
            raise RolledBack(f"{path}: expected this ledger's checkpoint; {error}; move it away") from None


def _make_folder(path: Path) -> None:
    """The folder and those above it, whose names survive a power cut as the file's does."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path)
