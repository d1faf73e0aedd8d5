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

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum

from amos.crypto import verify
from amos.edges.durable_host import sync_folder, write_whole
from amos.protocol.cbor import loads
from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import MessageError, ProtocolError
from amos.protocol.forgone import read_forgone
from amos.protocol.key_line_host import KeyLine, open_head, open_proved
from amos.protocol.ledger_limits import RECEIPTED_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.receipt import parse_receipt
from amos.protocol.rotation import LEDGER, read_rotation, split_appointment
from amos.protocol.segment import Usage
from amos_ledger.errors import RolledBack
from amos_ledger.folder import Folder
from amos_ledger.limits import AHEAD_HEADS_MAX
from amos_ledger.store.store import Store

_PAIR = b"\x82"
"""How a pair of receipt and envelope begins in CBOR; no text does."""


class Standing(IntEnum):
    """How something shown stands to the log."""

    FORGED = 0
    """Not signed by this ledger, or nothing that it signs."""
    CONTAINED = 1
    AHEAD = 2
    """Signed by this ledger, and over entries that the log does not have, or has otherwise."""


@dataclass(frozen=True)
class _Receipted:
    """A segment that this ledger signed a receipt for. A receipt does not bind the size that it names, so it is by the
    segment that the log is asked."""

    size: int
    root: bytes
    device_id: bytes
    sequence: int
    sha256: bytes


@dataclass(frozen=True)
class _Appointed:
    """A rotation of the ledger's key that is an entry of a log. Its receipt does not bind the size or the index that it
    names, so it is by the entry that the log is asked."""

    size: int
    root: bytes
    entry: bytes


_Opened = Checkpoint | _Receipted | _Appointed


class Heads:
    """What is kept for `folder`. Raises `OSError` and `DATABASE_ERRORS` for what disk and database do."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def take(self, store: Store, shown: bytes) -> Standing:
        """Judge a signed note, or a receipt with its envelope; keep one that the log does not contain."""
        opened, counts = self._opened(shown)
        if opened is None:
            return Standing.FORGED
        if self._contains(store, opened):
            return Standing.CONTAINED
        if not counts:
            return Standing.FORGED
        self._keep(opened, shown)
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
                    f"{self._folder.path}: this ledger signed a tree of {opened.size} entries that its log of"
                    f" {store.size()} does not contain: an older copy was put in its place, or another process signs"
                    " with its key; `amos ledger status` says what to do"
                )
            (self._folder.ahead / name).unlink(missing_ok=True)

    def highest(self) -> Checkpoint | None:
        """The head over the most entries that the log does not contain, as far as is known."""
        origin = self._folder.trust.origin
        heads = [Checkpoint(origin, opened.size, opened.root) for _name, opened in self._kept()]
        return max(heads, key=lambda head: head.size, default=None)

    def _contains(self, store: Store, opened: _Opened) -> bool:
        if isinstance(opened, Checkpoint):
            contained = contains(store, opened)
        elif isinstance(opened, _Appointed):
            contained = any(entry == opened.entry for _index, entry in store.rotations.entries(LEDGER))
        else:
            contained = store.chain.kept(opened.device_id, opened.sequence)[0] == opened.sha256
        return contained or any(
            read_forgone(entry).covers(opened.size, opened.root)  # verified when it became an entry
            for entry in store.forgone()
        )

    def _kept(self) -> Iterator[tuple[str, _Opened]]:
        """(file's name, what it says), the highest first."""
        if not self._folder.ahead.is_dir():
            return
        names = [path.name for path in self._folder.ahead.iterdir() if not path.name.startswith(".")]
        for name in sorted(names, reverse=True):
            opened, counts = self._opened((self._folder.ahead / name).read_bytes())
            if opened is not None and counts:
                yield name, opened

    def _keep(self, opened: _Opened, shown: bytes) -> None:
        folder = self._folder.ahead
        if not folder.is_dir():
            folder.mkdir(0o700, exist_ok=True)
            sync_folder(folder)
        path = folder / f"{opened.size:020}-{hashlib.sha256(shown).hexdigest()[:16]}"
        names = sorted(item.name for item in folder.iterdir())
        if path.name in names:
            return
        if len(names) >= AHEAD_HEADS_MAX:
            if path.name < names[0]:
                return  # higher ones say as much
            (folder / names[0]).unlink(missing_ok=True)
        write_whole(path, shown, 0o600)

    def _opened(self, shown: bytes) -> tuple[_Opened | None, bool]:
        """(what it says, whether the key that signed it can prove what the log does not contain)."""
        line = self._folder.line
        try:
            opened: _Opened
            key: bytes | None
            opened, key = _open_pair(shown, line) if shown.startswith(_PAIR) else open_head(shown, line, verify)
        except ProtocolError:
            return None, False
        return opened, key in (None, line.present, self._folder.key_before(time.time()))


def _open_pair(shown: bytes, line: KeyLine) -> tuple[_Receipted | _Appointed, bytes | None]:
    """A receipt with the envelope that it was given for, or a rotation with the receipt for its entry; (what it says,
    the key that signed the receipt, None for a key that this log does not know and the present one appoints)."""
    if len(shown) > RECEIPTED_BYTES_MAX:
        raise MessageError(f"pair: expected at most {RECEIPTED_BYTES_MAX} bytes, found {len(shown)}")
    pair = loads(shown)
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(item, bytes) for item in pair):
        raise MessageError("pair: expected two byte strings")
    try:
        rotation = read_rotation(pair[0])
    except ProtocolError:
        return _open_receipted(pair, line)
    if (rotation.role, rotation.origin) != (LEDGER, line.origin) or rotation.old_key not in line.keys:
        raise MessageError(f"rotation: expected one of a key of {line.origin}'s, found another")
    open_proved(pair[0], rotation.old_key, verify)
    receipt = parse_receipt(split_appointment(shown)[1])
    root = receipt.check(pair[0], rotation.new_key, verify)
    signer = None if rotation.old_key == line.present else rotation.old_key
    return _Appointed(receipt.tree_size, root, pair[0]), signer


def _open_receipted(pair: list[bytes], line: KeyLine) -> tuple[_Receipted, bytes]:
    receipt, segment = parse_receipt(pair[0]), unwrap(pair[1])
    key = line.by_id(receipt.message.kid)
    if key is None:
        raise MessageError("receipt: expected one by a key of this ledger's")
    root = receipt.check(segment, key, verify)
    usage: Usage = Usage.decode(parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    sha256 = hashlib.sha256(segment).digest()
    return _Receipted(receipt.tree_size, root, usage.device_id, usage.sequence, sha256), key


def contains(store: Store, head: Checkpoint) -> bool:
    """Whether the log begins with the entries that the head is over."""
    return head.size <= store.size() and store.root(head.size) == head.root


@contextmanager
def checked_store(folder: Folder) -> Iterator[Store]:
    """The store of a ledger that may sign and append. Raises `RolledBack` and what `Folder.open_store` raises."""
    with folder.open_store() as store:
        Heads(folder).check(store)
        yield store
