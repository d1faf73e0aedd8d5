"""What the ledger signed and cannot get back is given up: an entry of the log, signed by the operator.

The next tree head is over more entries than the one that was given up, so that no two heads are over as many: leaves
that say nothing follow the entry. Couriers are asked for the segments that were receipted there (`head_exchange.py`).
"""

from pathlib import Path

from amos.protocol.errors import ProtocolError
from amos.protocol.forgone import FORGONE_LEAF, Forgone, open_forgone
from amos.protocol.ledger_limits import FORGONE_BYTES_MAX
from amos_ledger import registry
from amos_ledger.errors import ForgoneRefused, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import Heads
from amos_ledger.limits import FORGONE_LEAVES_MAX
from amos_ledger.operators_word import open_word
from amos_ledger.recovery import make_receipts
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store


def forgo(folder: Folder, data: bytes) -> tuple[Forgone, bool]:
    """(what is given up, whether it was not before). Nobody may serve meanwhile. Raises `ForgoneRefused`,
    `AlreadyServing`, `RolledBack` while more than this is missing, `StorageFailed`."""
    try:
        with folder.serving(), folder.open_store() as store:
            fresh = data not in store.forgone()
            forgone = _opened(folder, store, data)
            if fresh:
                with store.transaction():
                    if store.size() < forgone.kept_size:
                        raise ForgoneRefused(
                            f"forgone.kept_size: expected at most the log's {store.size()} entries, found"
                            f" {forgone.kept_size}"
                        )
                    store.note_forgone(store.append([data] + [FORGONE_LEAF] * forgone.leaves()))
                    store.chain.heads.forget_all()
                    store.chain.anchors.forget(forgone.unix_s * 1000)
            Heads(folder).check(store)
            registry.publish(folder, store)
        make_receipts(folder)
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{folder.path}: {error}") from None
    return forgone, fresh


def _opened(folder: Folder, store: Store, data: bytes) -> Forgone:
    try:
        forgone: Forgone = open_word(folder, store, data, open_forgone, lambda opened: data in store.forgone())
    except ProtocolError as error:
        raise ForgoneRefused(f"forgone: {error}") from None
    if forgone.kept_size >= forgone.lost_size and data not in store.forgone():
        raise ForgoneRefused(
            f"forgone.kept_size: expected below lost_size, which is {forgone.lost_size}, found {forgone.kept_size}; it"
            " is what the copy had that was put back"
        )
    if forgone.leaves() > FORGONE_LEAVES_MAX:
        raise ForgoneRefused(f"forgone.lost_size: expected at most {FORGONE_LEAVES_MAX} more than kept_size")
    return forgone


def read_file(path: Path) -> bytes:
    """A file's bytes, capped. Raises `ForgoneRefused`."""
    return registry.read_capped(path, FORGONE_BYTES_MAX, ForgoneRefused)
