"""The publisher's opt-out list: an entry of the log, published as a file, and retained at the broker for every courier.

It is in the log because it decides what is paid: play of a stem that began while the list in force named it earns
nothing. Players check the list themselves.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from amos.crypto import verify
from amos.protocol import topics
from amos.protocol.delegated import stem_ids_of
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos.protocol.opt_outs import OptOuts, open_opt_outs
from amos_ledger.errors import LedgerError, OptOutsRefused, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.public import Public
from amos_ledger.registry import read_capped
from amos_ledger.settlement.standing import decode_opt_outs
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store

NAME = "opt-outs.cose"
DELEGATED = "delegated-opt-outs.cose"
"""Where the list of a delegated key is published (`delegated.py`)."""


def add_opt_outs(folder: Folder, data: bytes) -> tuple[OptOuts, bool]:
    """(list, whether it was not in force before). Raises `OptOutsRefused`, `StorageFailed`."""
    opt_outs = _opened(folder, data)
    try:
        with folder.publishing(), checked_store(folder) as store:
            public = Public(folder)
            public.check(store)
            present = published(folder)
            for known in (store.opt_outs.publishers(store.size()), present):  # the file may be gone
                if known is not None and known != data:
                    _check_later(opt_outs, _opened(folder, known))
            # Logged first: a list that players obey and no settlement knows would be paid against.
            with store.transaction():
                store.opt_outs.append(opt_outs.serial, data)
            if present == data:
                return opt_outs, False
            public.write(NAME, data)
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{folder.public}: {error}") from None
    return opt_outs, True


def log_published(folder: Folder, store: Store) -> None:
    """Put the list in force into the log, if an earlier version of the ledger published it without."""
    data = published(folder)
    if data is not None:
        with store.transaction():
            store.opt_outs.append(_opened(folder, data).serial, data)


def _check_later(opt_outs: OptOuts, present: OptOuts) -> None:
    if opt_outs.serial <= present.serial:
        raise OptOutsRefused(f"opt-outs.serial: expected above {present.serial}, found {opt_outs.serial}")
    # Which list is in force at a moment follows from their instants.
    if opt_outs.issued_unix_s < present.issued_unix_s:
        raise OptOutsRefused(
            f"opt-outs.issued_unix_s: expected from {present.issued_unix_s}, when the list in force was issued,"
            f" found {opt_outs.issued_unix_s}"
        )


def read_opt_outs(path: Path) -> bytes:
    """A file's bytes, capped. Raises `OptOutsRefused`."""
    return read_capped(path, OPT_OUTS_BYTES_MAX, OptOutsRefused)


def published(folder: Folder, name: str = NAME) -> bytes | None:
    """The signed list in force, or None. Raises `OptOutsRefused` when it cannot be read."""
    path = folder.public / name
    try:
        there = path.exists()
    except OSError as error:
        raise OptOutsRefused(f"{path}: {error.strerror}") from None
    return read_opt_outs(path) if there else None


def listed_by_publisher(store: Store) -> frozenset[bytes]:
    """The stems of the publisher's list in force, as the log has it."""
    data = store.opt_outs.publishers(store.size())
    return frozenset() if data is None else frozenset(stem_ids_of(decode_opt_outs(data)))


def _opened(folder: Folder, data: bytes) -> OptOuts:
    try:
        opened: OptOuts = open_opt_outs(data, folder.trust.publisher_key, verify)
    except ProtocolError as error:
        raise OptOutsRefused(f"opt-outs: {error}") from None
    return opened


PUBLISHED = {topics.OPT_OUTS: NAME, topics.DELEGATED_OPT_OUTS: DELEGATED}
"""Topic → the file in the public folder that is retained there."""


class OptOutPublisher:
    """Retains the lists in force at the broker: on each connection, and whenever there is a newer one.

    `publish(topic, payload, retain)` gives it to the broker, and says whether that went.
    """

    def __init__(self, folder: Folder, publish: Callable[[str, bytes, bool], bool]) -> None:
        self._folder = folder
        self._publish = publish
        self._told: dict[str, tuple[int, bytes]] = {}

    def tell(self, connection: int) -> None:
        """`connection` counts the connections so far. A file that cannot be read waits for the next time."""
        for topic, name in PUBLISHED.items():
            try:
                data = published(self._folder, name)
            except LedgerError:
                continue
            if data is None:
                continue
            telling = connection, hashlib.sha256(data).digest()
            if telling != self._told.get(topic) and self._publish(topic, data, True):
                self._told[topic] = telling
