"""Receipts and dates as they are stored, held against the entries and the tree that they are for.

What costs most, the ledger's signature and the decoding of the entry, is a pure function over batches; what is to be
compared with the store is the caller's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice

from amos.crypto import key_id, verify
from amos.protocol.errors import ProtocolError, SignatureError
from amos.protocol.key_line_host import KeyLine
from amos.protocol.receipt import Receipt, parse_receipt
from amos.protocol.signing import sign_receipt
from amos_batches.runner import Runner
from amos_ledger.entry_batches import BATCH
from amos_ledger.errors import EntryDamaged
from amos_ledger.folder import Folder
from amos_ledger.intake.clocks import dated_ms
from amos_ledger.intake.segment_parse import decode_usage, parse_segment
from amos_ledger.store.store import Store

ROOTS_KEPT = 1024
"""Receipts are of few trees at a time."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry and what is stored beside it: its receipt, for the tree of `head_size`, and when it was played, from and
    to."""

    index: int
    entry: bytes
    receipt: bytes | None
    head_size: int | None
    dated_ms: tuple[int, int | None] | None


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """Some of them, with the public keys of the ledger's line, by id."""

    items: tuple[Kept, ...]
    keys: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Checked:
    """`vouched`: (leaf index, size, root of that tree) of a receipt that verifies. `fault`: why one does not, else "".
    `dated_ms`: when the entry itself says that it was played, if that was asked."""

    vouched: tuple[int, int, bytes] | None
    fault: str
    dated_ms: tuple[int, int] | None


def check_batch(batch: KeptBatch) -> list[Checked]:
    """What the receipts and entries say by themselves."""
    return [_checked(item, batch.keys) for item in batch.items]


def _checked(item: Kept, keys: Mapping[bytes, bytes]) -> Checked:
    vouched, fault, said = None, "", None
    if item.receipt is not None:
        try:
            parsed = parse_receipt(item.receipt)
            root = parsed.check(item.entry, _named(keys, parsed), verify)
            vouched = parsed.leaf_index, parsed.tree_size, root
        except ProtocolError as error:
            fault = f"does not verify: {error}"
    if item.dated_ms is not None:
        said = dated_ms(decode_usage(parse_segment(item.entry).payload))
    return Checked(vouched, fault, said)


def checked(items: Iterable[Kept], store: Store, line: KeyLine, runner: Runner) -> Iterator[tuple[Kept, Checked]]:
    """Each item, its receipt held against the tree of `store` as well."""

    @lru_cache(ROOTS_KEPT)
    def root(size: int) -> bytes:
        return store.root(size)

    rest, keys = iter(items), {key_id(key): key for key in line.keys}
    batches = iter(lambda: KeptBatch(tuple(islice(rest, BATCH)), keys), KeptBatch((), keys))
    for batch, found in runner.pairs(check_batch, batches):
        for item, says in zip(batch.items, found, strict=True):
            yield item, _in_tree(item, says, root, store.size())


def _in_tree(item: Kept, says: Checked, root: Callable[[int], bytes], size: int) -> Checked:
    if says.vouched is None:
        return says
    leaf_index, tree_size, found = says.vouched
    if (leaf_index, tree_size) == (item.index, item.head_size) and tree_size <= size and root(tree_size) == found:
        return says
    return Checked(None, "is for another entry or another tree", says.dated_ms)


def _named(keys: Mapping[bytes, bytes], receipt: Receipt) -> bytes:
    key = keys.get(receipt.message.kid)
    if key is None:
        raise SignatureError(f"receipt: expected one by a key of the ledger's, found {receipt.message.kid.hex()}")
    return key


def key_of(line: KeyLine, receipt: Receipt) -> bytes:
    """The key of the ledger's that the receipt names. Raises `SignatureError`."""
    return _named({key_id(key): key for key in line.keys}, receipt)


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
