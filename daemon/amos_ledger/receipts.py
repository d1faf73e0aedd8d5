"""Receipts as they are stored, held against the entry and the tree that they are for."""

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.receipt import parse_receipt
from amos_ledger.errors import EntryDamaged, LedgerError
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store


def receipt_fault(
    store: Store, entry: bytes, receipt: bytes, index: int, head_size: int | None, key: bytes, roots: dict[int, bytes]
) -> str:
    """What is wrong with the receipt of the entry at `index`, "" for nothing. `roots` remembers those of `store`."""
    try:
        parsed = parse_receipt(receipt)
        root, size = parsed.check(entry, key, verify), parsed.tree_size
        if size not in roots:
            roots[size] = store.root(size)
        if (parsed.leaf_index, size, root) != (index, head_size, roots[size]):
            return "is for another entry or another tree"
    except (ProtocolError, LedgerError, *DATABASE_ERRORS) as error:
        return f"does not verify: {error}"
    return ""


def check_receipt(store: Store, index: int, receipt: bytes, key: bytes) -> None:
    """Raise `EntryDamaged` unless the ledger with this key vouches by it for the entry at `index`."""
    try:
        parsed = parse_receipt(receipt)
        parsed.check(store.log.entry(index), key, verify)
        good = parsed.leaf_index == index
    except ProtocolError:
        good = False
    if not good:
        raise EntryDamaged(f"receipt of entry {index}: expected one that verifies, found other bytes")
