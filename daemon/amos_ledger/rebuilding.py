"""`amos ledger fsck --rebuild`: a new database from the log's entries, put in the place of the old one.

What a crash leaves:
  before the swap  `ledger.sqlite.new`, of no use to anyone; the next rebuild begins it anew
  at the swap      the old database under its name, or the new one: a name is replaced at once
  after it         the new database, and the old one as `ledger.sqlite.old-N`, which is nobody's but the operator's
An entry comes from the store, or from the published bundles where the store's bytes are not those of its leaf hash.
When some entry is sound in neither, or what is published does not follow, nothing is changed.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.merkle import leaf_hash
from amos_batches.runner import InProcess, Runner
from amos_ledger.dates import Dated, wrong_dates
from amos_ledger.errors import LedgerError, NotRebuilt
from amos_ledger.folder import Folder
from amos_ledger.log import tree
from amos_ledger.public import last_head
from amos_ledger.published_log import PublishedLog
from amos_ledger.receipts import is_signed
from amos_ledger.records import SignedHead
from amos_ledger.replay import rebuild
from amos_ledger.scrub import keys_of, published_head
from amos_ledger.store import giving_way
from amos_ledger.store.comparison import CARRIED, Comparison
from amos_ledger.store.failures import DATABASE_DAMAGED
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.store.store import Store


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild came to.

    size      entries of the log
    mended    indexes of the entries that came from the published bundles
    left      what of the old database's own knowledge could not be carried over
    heads     how many were not sound, so that segments will be given other receipts
    kept      the old database
    """

    size: int
    mended: tuple[int, ...]
    left: tuple[str, ...]
    heads: int
    kept: Path


def rebuild_folder(
    folder: Folder, now_ms: int, at: Callable[[str], None] = lambda step: None, runner: Runner | None = None
) -> Rebuilt:
    """Rebuild the store of a ledger that nobody serves; `at` is told of each step, and `runner` works on the entries,
    this process where there is none.

    Raises `NotRebuilt`, `AlreadyServing`, another `LedgerError`, `BatchError`, `OSError`, `DATABASE_ERRORS`; then
    nothing was changed.
    """
    with folder.serving(), folder.publishing():
        head, fault = published_head(folder)
        if fault:
            raise NotRebuilt(fault)
        if isinstance(folder.place, PostgresPlace):
            return _rebuild_schema(folder, folder.place, head, now_ms, at, runner or InProcess())
        new = folder.store_path.with_name(folder.store_path.name + ".new")
        _remove(new)
        with _held(folder):
            try:
                Store.create(new, folder.trust.origin, folder.line.keys[0])
                with Store(new) as store:
                    made = _fill(folder, store, head, now_ms, runner or InProcess())
            except BaseException:
                _remove(new)
                raise
            at("made")
            kept = _unused(folder.store_path)
            giving_way.give_way(folder.store_path, new, kept, at)
            return replace(made, kept=kept)


def _remove(new: Path) -> None:
    for suffix in ("", *giving_way.SIDE_FILES):
        new.with_name(new.name + suffix).unlink(missing_ok=True)


def _rebuild_schema(
    folder: Folder,
    place: PostgresPlace,
    head: Checkpoint | None,
    now_ms: int,
    at: Callable[[str], None],
    runner: Runner,
) -> Rebuilt:
    """The same in PostgreSQL: workers wait meanwhile, and go on with the new schema, which has the name of the old."""
    new = place.variant("new")
    with place.held() as database:
        Store.create(new, folder.trust.origin, folder.line.keys[0])
        with Store(new) as store:
            made = _fill(folder, store, head, now_ms, runner)
        at("made")
        kept = place.give_way(database, new, "old")
    at("swapped")
    return replace(made, kept=Path(kept))


@contextmanager
def _held(folder: Folder) -> Iterator[None]:
    """Let nobody write to the old database until it is replaced. A damaged one may still be read; an older one is
    brought to the present schema first."""
    with suppress(LedgerError, *DATABASE_DAMAGED):
        folder.open_store().close()
    with ExitStack() as stack:
        try:
            stack.enter_context(giving_way.held(folder.store_path))
        except sqlite3.OperationalError as error:
            raise NotRebuilt(f"{folder.store_path}: {error}; end what has it open; nothing was changed") from None
        yield


def _fill(folder: Folder, store: Store, head: Checkpoint | None, now_ms: int, runner: Runner) -> Rebuilt:
    found = last_head(folder.audit, folder.line)
    published = PublishedLog(folder.audit, 0 if found is None else found[0].size)
    live: Comparison | None
    try:
        live = store.beside(folder.place)
        size = live.size()
    except DATABASE_DAMAGED:
        live, size = None, published.size
    source = _Source(live, published)
    with store.snapshot():  # a transaction that takes no lock of the old database
        rebuild(source.entries(max(size, published.size)), store, keys_of(folder), source.document, runner)
        if head is not None and (head.size > store.size() or store.root(head.size) != head.root):
            raise NotRebuilt("public/checkpoint: expected the root of the entries, found another; nothing was changed")
        left = _carry(store, live, now_ms)
        _drop_damaged(store)
        heads = _mend_beside(folder, store, runner)
    return Rebuilt(store.size(), tuple(source.mended), tuple(left), heads, folder.store_path)


class _Source:
    """Sound entries and documents: of the old store where they are, else of what is published."""

    def __init__(self, live: Comparison | None, published: PublishedLog) -> None:
        self._live = live
        self._published = published
        self.mended: list[int] = []

    def entries(self, size: int) -> Iterator[bytes]:
        """The first `size` entries. Raises `NotRebuilt` for one that is sound nowhere."""
        for index in range(size):
            stored, hashes = self._stored(index)
            if stored is not None and leaf_hash(stored) in hashes:
                yield stored
                continue
            found = self._published.entry(index)
            if found is None or leaf_hash(found) not in hashes:
                raise NotRebuilt(
                    f"entry {index}: expected it sound in the store or in the published bundles, found it in neither;"
                    " get its bundle from a mirror; nothing was changed"
                )
            self.mended.append(index)
            yield found

    def _stored(self, index: int) -> tuple[bytes | None, set[bytes]]:
        """(the store's bytes, the leaf hashes that they may have). What is published is what was signed."""
        leaf = self._published.leaf(index)
        row: tuple[object, object] = (None, None)
        if self._live is not None:
            sql = (
                f"SELECT (SELECT bytes FROM live.entry WHERE leaf_index = {index}),"
                f" (SELECT hash FROM live.node WHERE position = {tree.stored_position(0, index)})"
            )
            with suppress(*DATABASE_DAMAGED):
                row = self._live.rows(sql)[0]
        entry, node = (bytes(value) if isinstance(value, bytes) else None for value in row)
        return entry, {value for value in (leaf, node) if value is not None}

    def document(self, kind: str, sha256: bytes) -> bytes:
        """The document; its hash is the caller's to compare. Raises `LookupError`."""
        if self._live is not None:
            with suppress(*DATABASE_DAMAGED):
                found = self._live.document(kind, sha256)
                if found is not None and hashlib.sha256(found).digest() == sha256:
                    return found
        return self._published.document(kind, sha256)


def _carry(store: Store, live: Comparison | None, now_ms: int) -> list[str]:
    """Copy what the log does not give; the names of what could not be. Anchors that are not known are not judged."""
    if live is None:
        with store.transaction():
            store.chain.anchors.forget(now_ms)
            store.chain.heads.forget_all()
        return [*CARRIED, "usage", "ledger"]
    left = []
    steps: list[tuple[str, Callable[[], object]]] = [(table, partial(live.carry, table)) for table in CARRIED]
    steps += [("usage", live.carry_usage), ("ledger", live.carry_clock)]
    for name, step in steps:
        try:
            with store.transaction():
                step()
        except DATABASE_DAMAGED:
            left.append(name)
    if {"anchor", "ledger"} & set(left):
        with store.transaction():
            store.chain.anchors.forget(now_ms)
    if {"head", "ledger"} & set(left):
        with store.transaction():
            store.chain.heads.forget_all()
    return left


def _drop_damaged(store: Store) -> None:
    """Keep no message beside the log whose bytes are not those of its hash: its courier still has it."""
    with store.transaction():
        for table, device_id, sha256, segment in list(store.kept_segments()):
            if hashlib.sha256(segment).digest() != sha256:
                store.drop(table, device_id, sha256)


def _mend_beside(folder: Folder, store: Store, runner: Runner) -> int:
    """Date play at the instants that its segment says, and forget the heads that the ledger did not sign receipts for:
    others, as good, are given for their segments. How many."""
    dated = (Dated(index, store.log.entry(index), times) for index, times in store.dated())
    wrong = list(wrong_dates(dated, runner))
    heads = store.chain.heads
    bad = [head.size for head in heads.all() if not _is_sound(head, store, folder)]
    with store.transaction():
        for item in wrong:
            store.date(item.index, item.said_ms)
        for size in bad:
            heads.forget(size)
        heads.forget_impossible()
    return len(bad)


def _is_sound(head: SignedHead, store: Store, folder: Folder) -> bool:
    in_log = 0 < head.size <= store.size() and store.root(head.size) == head.root
    return in_log and is_signed(head, folder.line)


def _unused(path: Path) -> Path:
    """A name for the old database."""
    number = 1
    while (kept := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    return kept
