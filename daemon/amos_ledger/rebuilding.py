"""A store made of the entries of a log: each entry has the effect that it had when the log got it."""

from collections.abc import Iterable

from amos.crypto import verify
from amos.protocol.batch import batch_unix_s
from amos.protocol.closing import open_closing
from amos.protocol.cose import (
    HEADER_TYP,
    TYP_ENROLMENT,
    TYP_FORGONE,
    TYP_OPT_OUTS,
    TYP_REVOCATION,
    TYP_STATEMENT,
    TYP_USAGE,
    parse,
)
from amos.protocol.envelope_host import wrap
from amos.protocol.errors import ProtocolError
from amos.protocol.forgone import FORGONE_LEAF
from amos.protocol.opt_outs import open_opt_outs
from amos_ledger import clerk, registry
from amos_ledger.errors import LedgerError, RecoveryFailed
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import Message, reread
from amos_ledger.log.tiles import ENTRY_BYTES_MAX
from amos_ledger.store.store import Store

BATCH_ENTRIES = 1024
"""Of one transaction: the disk's flush is shared, and a transaction stays small."""


class Rebuilder:
    """Fills `store`, which has the genesis entry and the published documents. Raises `RecoveryFailed`."""

    def __init__(self, folder: Folder, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._received_s: int | None = None
        self._sites: dict[bytes, str] = {}

    def add(self, first: int, entries: Iterable[bytes]) -> None:
        """Take entries from leaf `first` on, in one transaction."""
        with self._store.transaction():
            for index, entry in enumerate(entries, first):
                self._take(index, entry)
                if self._store.size() != index + 1:
                    raise RecoveryFailed(f"entry {index}: expected it to be one leaf, found another effect")

    def _take(self, index: int, entry: bytes) -> None:
        if index == 0:
            if next(self._store.entries(0, 1))[1] != entry:
                raise RecoveryFailed("entry 0: expected this log's name, found another entry")
            return
        try:
            received_s = batch_unix_s(entry)
            if entry == FORGONE_LEAF:
                self._store.append([entry])
            elif received_s is not None:
                self._received_s = received_s
                self._store.append_batch(entry, received_s)
            else:
                self._take_signed(entry)
        except (ProtocolError, LedgerError) as error:
            raise RecoveryFailed(f"entry {index}: {error}") from None

    def _take_signed(self, entry: bytes) -> None:
        folder, store = self._folder, self._store
        message = parse(entry, ENTRY_BYTES_MAX)
        typ = message.header.get(HEADER_TYP)
        if typ == TYP_USAGE:
            self._take_usage(bytes(message.kid), entry)
        elif typ == TYP_ENROLMENT:
            enrolment, _fresh = registry.enrol(folder, store, entry)
            self._sites[enrolment.device_id] = enrolment.site
        elif typ == TYP_REVOCATION:
            registry.revoke(folder, store, entry)
        elif typ == TYP_OPT_OUTS:
            store.append_opt_outs(open_opt_outs(entry, folder.trust.publisher_key, verify).serial, entry)
        elif typ == TYP_FORGONE:
            store.append_forgone([entry])
        elif typ == TYP_STATEMENT:
            store.append_closing(open_closing(entry, folder.public_key, verify).period, entry)
        else:
            raise RecoveryFailed(f"expected a kind of entry that this version knows, found {typ}")

    def _take_usage(self, device_id: bytes, entry: bytes) -> None:
        if self._received_s is None:
            raise RecoveryFailed("expected a batch entry before the first segment: an earlier version wrote this log")
        sha256 = Message.of("", wrap(entry)).sha256
        reading = reread(entry, sha256, self._sites.get(device_id, ""), device_id)
        clerk.accept_logged(self._store, reading, self._received_s)
