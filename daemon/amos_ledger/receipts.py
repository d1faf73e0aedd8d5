"""Receipts and dates as they are stored, held against the entries and the tree that they are for.

What costs most, the ledger's signature and the decoding of the entry, is a pure function over batches; what is to be
compared with the store is the caller's.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.receipt import parse_receipt
from amos_batches.runner import Runner
from amos_ledger.entry_batches import BATCH
from amos_ledger.errors import EntryDamaged
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
    """Some of them, with the ledger's public key."""

    items: tuple[Kept, ...]
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Checked:
    """`vouched`: (leaf index, size, root of that tree) of a receipt that verifies. `fault`: why one does not, else "".
    `dated_ms`: when the entry itself says that it was played, if that was asked."""

    vouched: tuple[int, int, bytes] | None
    fault: str
    dated_ms: tuple[int, int] | None


def check_batch(batch: KeptBatch) -> list[Checked]:
    """What the receipts and entries say by themselves."""
    return [_checked(item, batch.public_key) for item in batch.items]


def _checked(item: Kept, public_key: bytes) -> Checked:
    vouched, fault, said = None, "", None
    if item.receipt is not None:
        try:
            parsed = parse_receipt(item.receipt)
            vouched = parsed.leaf_index, parsed.tree_size, parsed.check(item.entry, public_key, verify)
        except ProtocolError as error:
            fault = f"does not verify: {error}"
    if item.dated_ms is not None:
        said = dated_ms(decode_usage(parse_segment(item.entry).payload))
    return Checked(vouched, fault, said)


def checked(items: Iterable[Kept], store: Store, key: bytes, runner: Runner) -> Iterator[tuple[Kept, Checked]]:
    """Each item, its receipt held against the tree of `store` as well."""

    @lru_cache(ROOTS_KEPT)
    def root(size: int) -> bytes:
        return store.root(size)

    rest = iter(items)
    batches = iter(lambda: KeptBatch(tuple(islice(rest, BATCH)), key), KeptBatch((), key))
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
