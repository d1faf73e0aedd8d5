"""Receipts, and the heads that they are for, held against the entries, the tree and the ledger's line of keys."""

from functools import partial

from amos.crypto import key_id, verify
from amos.protocol.errors import ProtocolError, SignatureError
from amos.protocol.key_line_host import KeyLine
from amos.protocol.receipt import Receipt, parse_receipt
from amos.protocol.signing import sign_receipt
from amos_ledger.errors import EntryDamaged
from amos_ledger.folder import Folder
from amos_ledger.log.receipts import signed
from amos_ledger.records import SignedHead
from amos_ledger.store.store import Store


def is_signed(head: SignedHead, line: KeyLine) -> bool:
    """Whether a key of the ledger's signed receipts for this head. Its size is not signed."""
    key = line.by_id(head.key_id)
    return key is not None and verify(key, signed(head.root, head.key_id), head.signature)


def key_of(line: KeyLine, receipt: Receipt) -> bytes:
    """The key of the ledger's that the receipt names. Raises `SignatureError`."""
    key = line.by_id(receipt.message.kid)
    if key is None:
        raise SignatureError(f"receipt: expected one by a key of the ledger's, found {receipt.message.kid.hex()}")
    return key


def check_receipt(store: Store, index: int, receipt: bytes, line: KeyLine) -> tuple[Receipt, bytes]:
    """(the receipt, its root). Raise `EntryDamaged` unless the ledger vouches by it for the entry at `index`."""
    try:
        parsed = parse_receipt(receipt)
        root = parsed.check(store.log.entry(index), key_of(line, parsed), verify)
        good = parsed.leaf_index == index
    except ProtocolError:
        good = False
    if not good:
        raise EntryDamaged(f"receipt of entry {index}: expected one that verifies, found other bytes")
    return parsed, root


def signed_by(folder: Folder, key: bytes, receipt: bytes, parsed: Receipt, root: bytes) -> bytes:
    """A receipt that says the same, by this key of the ledger's; the same bytes where that one signed it already."""
    if parsed.message.kid == key_id(key):
        return receipt
    sign = partial(folder.sign_by, key)
    return bytes(sign_receipt(parsed.tree_size, parsed.leaf_index, parsed.path, root, key_id(key), sign))
