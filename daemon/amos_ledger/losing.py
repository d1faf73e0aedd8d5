"""Segments that are gone for good: an entry of the log, signed by the operator, so that what waits for them goes on.

A player declares what it lost itself. It cannot declare what it had a receipt for and has freed: when the ledger
lost that and no courier has it, the operator does.
"""

from pathlib import Path

from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import LOSS_BYTES_MAX
from amos.protocol.loss import TYP_LOSS, Loss, open_loss
from amos_ledger import clerk, registry
from amos_ledger.errors import LossRefused, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.operators_word import device_named, open_word
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store


def declare_loss(folder: Folder, data: bytes) -> tuple[Loss, int, bool]:
    """(loss, how many held segments it let go on, whether it was not declared before). Works while the ledger serves.
    Raises `LossRefused`, `RolledBack`, `StorageFailed`."""
    try:
        with checked_store(folder) as store:
            with store.transaction([_device_of(data)]):
                loss = _opened(folder, store, data)
                if store.chain.device(loss.device_id) is None:
                    raise LossRefused(f"loss.device_id: expected an enrolled device, found {loss.device_id.hex()}")
                fresh = (loss.first, loss.last) not in store.chain.lost(loss.device_id)
                if fresh:
                    store.append([data])
                    store.chain.note_loss(loss.device_id, loss.first, loss.last)
                released = list(clerk.release(store, loss.device_id))
            registry.publish(folder, store)
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{folder.path}: {error}") from None
    return loss, len(released), fresh


def _opened(folder: Folder, store: Store, data: bytes) -> Loss:
    def in_force(loss: Loss) -> bool:
        return (loss.first, loss.last) in store.chain.lost(loss.device_id)

    try:
        return open_word(folder, store, data, open_loss, in_force)
    except ProtocolError as error:
        raise LossRefused(f"loss: {error}") from None


def _device_of(data: bytes) -> bytes:
    try:
        return device_named(data, Loss, TYP_LOSS, LOSS_BYTES_MAX)
    except ProtocolError as error:
        raise LossRefused(f"loss: {error}") from None


def read_file(path: Path) -> bytes:
    """A file's bytes, capped. Raises `LossRefused`."""
    return registry.read_capped(path, LOSS_BYTES_MAX, LossRefused)
