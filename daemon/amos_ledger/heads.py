"""What this ledger signed and others keep, held against its own log.

A folder that is put back as it was yesterday does not know what was signed since, and would sign a second history.
The broker, couriers, mirrors and witnesses do know: they keep signed tree heads, and couriers keep segments with the
receipts that they got for them. What is shown and the log does not contain is kept in the folder's `ahead/`, durably
and for every process, and as long as it is there nothing is signed. It goes when the log contains it, or when an entry
of the operator gives it up.

Only this ledger's signature counts: whatever else is shown is counted, and changes nothing. A key that gave way to
another proves nothing that the log does not contain: the one who uses it may have stolen it. Within the time of
transition it does, since the ledger itself signs beside with it. A copy from before a rotation knows the key after it
by the rotation, which the broker and mirrors keep.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from amos.edges.durable_host import sync_folder, write_whole
from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.errors import ProtocolError
from amos.protocol.forgone import Forgone, read_forgone
from amos.protocol.rotation import LEDGER, OPERATOR
from amos_ledger.errors import RolledBack
from amos_ledger.folder import Folder
from amos_ledger.limits import AHEAD_HEADS_MAX
from amos_ledger.shown import Appointed, Shown, Signed, open_shown
from amos_ledger.store.store import Store


class Standing(IntEnum):
    """How something shown stands to the log."""

    FORGED = 0
    """Not signed by this ledger, or nothing that it signs."""
    CONTAINED = 1
    AHEAD = 2
    """Signed by this ledger, and over entries that the log does not have, or has otherwise."""


class Heads:
    """What is kept for `folder`. Raises `OSError` and `DATABASE_ERRORS` for what disk and database do."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._ahead = str(folder.ahead)  # asked for with each batch, which `Path` is slow at

    def take(self, store: Store, shown: bytes) -> Standing:
        """Judge a signed note, or a receipt with its envelope; keep one that the log does not contain."""
        opened, counts = self._opened(shown)
        if opened is None:
            return Standing.FORGED
        if self._contains(store, opened):
            return Standing.CONTAINED
        if not counts:
            return Standing.FORGED
        self._keep(store, opened, shown)
        return Standing.AHEAD

    def check(self, store: Store) -> None:
        """Raise `RolledBack` while the log lacks something that this ledger signed. Call it before anything is signed
        or appended."""
        own = self._folder.appointment_after(self._folder.line)
        if own is not None:
            self.take(store, own)
        for name, opened in self._kept():
            # What is shown was read first, and the log only grows: what it contains is found so.
            if not self._contains(store, opened):
                raise RolledBack(
                    f"{self._folder.path}: this ledger signed a tree of {_size(opened, store)} entries that its log of"
                    f" {store.size()} does not contain: an older copy was put in its place, or another process signs"
                    " with its key; `amos ledger status` says what to do"
                )
            (self._folder.ahead / name).unlink(missing_ok=True)

    def highest(self, store: Store) -> Checkpoint | None:
        """The head over the most entries that the log does not contain, as far as is known. A signed head says how
        large a tree is whose root a receipt has."""
        kept = [opened for _name, opened in self._kept()]
        heads = [opened.head for opened in kept if isinstance(opened, Signed)]
        roots = {head.root for head in heads}
        origin = self._folder.trust.origin
        for opened in kept:
            if not isinstance(opened, Signed) and opened.claim.root not in roots:
                heads.append(Checkpoint(origin, _size(opened, store), opened.claim.root))
        return max(heads, key=lambda head: head.size, default=None)

    def _contains(self, store: Store, opened: Shown) -> bool:
        if isinstance(opened, Signed):
            contained = contains(store, opened.head)
        elif isinstance(opened, Appointed):
            known = [*store.rotations.entries(LEDGER), *store.rotations.entries(OPERATOR)]
            contained = any(entry == opened.entry for _index, entry in known)
        else:
            contained = store.chain.kept(opened.device_id, opened.sequence)[0] == opened.sha256
        return contained or any(_covers(read_forgone(entry), opened) for entry in store.forgone())

    def _kept(self) -> Iterator[tuple[str, Shown]]:
        """(file's name, what it says), the highest first."""
        if not os.path.isdir(self._ahead):
            return
        names = [path.name for path in self._folder.ahead.iterdir() if not path.name.startswith(".")]
        for name in sorted(names, reverse=True):
            opened, counts = self._opened((self._folder.ahead / name).read_bytes())
            if opened is not None and counts:
                yield name, opened

    def _keep(self, store: Store, opened: Shown, shown: bytes) -> None:
        """One file for what says the same, however it was dressed up; and of all not too many."""
        folder = self._folder.ahead
        if not folder.is_dir():
            folder.mkdir(0o700, exist_ok=True)
            sync_folder(folder)
        path = folder / f"{_size(opened, store):020}-{opened.digest}"
        names = sorted(item.name for item in folder.iterdir())
        same = next((name for name in names if name.endswith(f"-{opened.digest}")), None)
        if same is not None:
            if path.name > same:
                (folder / same).rename(path)
                write_whole(path, shown, 0o600)
            return
        if len(names) >= AHEAD_HEADS_MAX:
            if path.name < names[0]:
                return  # higher ones say as much
            (folder / names[0]).unlink(missing_ok=True)
        write_whole(path, shown, 0o600)

    def _opened(self, shown: bytes) -> tuple[Shown | None, bool]:
        """(what it says, whether the key that signed it can prove what the log does not contain)."""
        line = self._folder.line
        try:
            opened, key = open_shown(shown, line)
        except ProtocolError:
            return None, False
        return opened, key in (None, line.present, self._folder.key_before(time.time()))


def _size(opened: Shown, store: Store) -> int:
    """How many entries the tree has, as far as is known."""
    return opened.head.size if isinstance(opened, Signed) else opened.claim.believed(store.size())


def _covers(forgone: Forgone, opened: Shown) -> bool:
    """Whether it is given up with this, which was verified when it became an entry. What names a size that nobody
    signed is given up with the root that somebody did."""
    if isinstance(opened, Signed):
        return forgone.covers(opened.head.size, opened.head.root)
    return opened.claim.root == forgone.lost_root or forgone.covers(opened.claim.size, opened.claim.root)


def contains(store: Store, head: Checkpoint) -> bool:
    """Whether the log begins with the entries that the head is over."""
    return head.size <= store.size() and store.root(head.size) == head.root


@contextmanager
def checked_store(folder: Folder, now: Callable[[], float] | None = None) -> Iterator[Store]:
    """The store of a ledger that may sign and append, on a machine whose clock the store's does not contradict: what is
    done with it is dated by that clock, or decided by it. Raises `RolledBack`, `ClockWrong` and what
    `Folder.open_store` raises."""
    with folder.open_store() as store:
        store.chain.anchors.check_clock(int((now or time.time)() * 1000))
        Heads(folder).check(store)
        yield store
