"""Tree heads of this ledger's key that others keep, held against its own log.

A folder that is put back as it was yesterday does not know what was signed since, and would sign a second history.
The broker, couriers, mirrors and witnesses do know: each keeps signed tree heads. A head that the log does not contain
is kept in the folder's `ahead/`, durably and for every process, and as long as it is there nothing is signed. It goes
when the log contains it, or when the operator's signed entry forgoes it.

Only this ledger's signature makes a head: whatever else is shown is counted, and changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from amos.crypto import verify
from amos.edges.durable_host import sync_folder, write_whole
from amos.protocol.checkpoint_host import Checkpoint, open_checkpoint
from amos.protocol.errors import ProtocolError
from amos_ledger.errors import RolledBack
from amos_ledger.folder import Folder
from amos_ledger.limits import AHEAD_HEADS_MAX
from amos_ledger.store.store import Store


class Standing(IntEnum):
    """How a head stands to the log."""

    FORGED = 0
    """Not signed by this ledger, or no head at all."""
    CONTAINED = 1
    AHEAD = 2
    """Signed by this ledger, and over entries that the log does not have, or has otherwise."""


class Heads:
    """The heads that are kept for `folder`. Raises `OSError` and `sqlite3.Error` for what disk and database do."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def take(self, store: Store, note: bytes) -> Standing:
        """Judge a signed note that somebody shows; keep one that the log does not contain."""
        head = self._opened(note)
        if head is None:
            return Standing.FORGED
        if contains(store, head):
            return Standing.CONTAINED
        self._keep(head, note)
        return Standing.AHEAD

    def check(self, store: Store) -> None:
        """Raise `RolledBack` while the log lacks a head that this ledger signed. Call it before anything is signed or
        appended."""
        for name, head in self._kept():
            # The head was read first, and the log only grows: a head that it contains is found so.
            if not contains(store, head):
                raise RolledBack(
                    f"{self._folder.path}: this ledger signed a tree of {head.size} entries that its log of"
                    f" {store.size()} does not contain: an older copy was put in its place, or another process signs"
                    " with its key; `amos ledger recover` gets back what was published"
                )
            (self._folder.ahead / name).unlink(missing_ok=True)

    def highest(self) -> Checkpoint | None:
        """The head over the most entries that the log does not contain, as far as is known."""
        return max((head for _name, head in self._kept()), key=lambda head: head.size, default=None)

    def _kept(self) -> Iterator[tuple[str, Checkpoint]]:
        """(file's name, head), the highest first."""
        if not self._folder.ahead.is_dir():
            return
        names = [path.name for path in self._folder.ahead.iterdir() if not path.name.startswith(".")]
        for name in sorted(names, reverse=True):
            head = self._opened((self._folder.ahead / name).read_bytes())
            if head is not None:
                yield name, head

    def _keep(self, head: Checkpoint, note: bytes) -> None:
        folder = self._folder.ahead
        if not folder.is_dir():
            folder.mkdir(0o700, exist_ok=True)
            sync_folder(folder)
        path = folder / f"{head.size:020}-{head.root.hex()[:16]}"
        names = sorted(item.name for item in folder.iterdir())
        if path.name in names:
            return
        if len(names) >= AHEAD_HEADS_MAX:
            if path.name < names[0]:
                return  # higher ones say as much
            (folder / names[0]).unlink(missing_ok=True)
        write_whole(path, note, 0o600)

    def _opened(self, note: bytes) -> Checkpoint | None:
        try:
            return open_checkpoint(note, self._folder.trust.origin, self._folder.public_key, verify)
        except ProtocolError:
            return None


def contains(store: Store, head: Checkpoint) -> bool:
    """Whether the log begins with the entries that the head is over."""
    return head.size <= store.size() and store.root(head.size) == head.root


@contextmanager
def checked_store(folder: Folder) -> Iterator[Store]:
    """The store of a ledger that may sign and append. Raises `RolledBack` and what `Folder.open_store` raises."""
    with folder.open_store() as store:
        Heads(folder).check(store)
        yield store
