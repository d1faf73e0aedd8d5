"""Settle a period of a ledger's folder: close it, publish the log, write the statements.

The order, and what a crash leaves:
  before the closing is committed  nothing; settle again
  after it                         a closed period whose statements are missing; settle again with the same income
  after the log is published       the same
  while statements are written     each is whole or absent; settle again
  after `closings/<title>.cose`   everything is there; settling again finds it so (a publication between writes it, too)
Statements follow from the log: their proofs lead to a checkpoint over the entries up to the closing, which is signed
anew with the same bytes each time (Ed25519 is deterministic); but for the names of venues in their details, which
follow the policy in the ledger's folder. So settling again writes the same files, unless that was changed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from amos.protocol.checkpoint_host import Checkpoint, sign_checkpoint
from amos.protocol.closing import COMMUNAL, Closing
from amos.protocol.errors import ProtocolError
from amos.protocol.merkle import leaf_hash
from amos.protocol.rotation import LEDGER
from amos_ledger.audit import follow_now
from amos_ledger.close_period import ClosedNow, close_period
from amos_ledger.closings import waiting_pools
from amos_ledger.detail_work import DailySums
from amos_ledger.errors import StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.log import tree
from amos_ledger.opt_outs import log_published
from amos_ledger.public import Public
from amos_ledger.settlement.detail import detail
from amos_ledger.settlement.metered_result import MeteredResult
from amos_ledger.settlement.metered_statement import MeteredProof, statement_file, with_detail
from amos_ledger.settlement.period_result import PeriodResult
from amos_ledger.settlement.statement import (
    USAGE_PROOFS_MAX,
    Proof,
    UsageProof,
    compressed,
    file_bytes,
    statement,
)
from amos_ledger.settlement.statements_tree import statements_tree
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store
from amos_ledger.venue_policy import read_policy

EntryProof = tuple[int, bytes, Sequence[bytes]]
"""Index, bytes and path of an entry."""


@dataclass(frozen=True)
class Settled:
    """A settled period: what was closed, the statement of each payee, by payee, the folder of them, and the pools of
    the period that still wait for it."""

    closed: ClosedNow
    statements: Mapping[str, Path]
    folder: Path
    waiting_pools: tuple[str, ...] = ()


def settle_period(
    folder: Folder, period: str, income_micro: int | None, currency: str, pool: str = COMMUNAL
) -> Settled:
    """Settle the period for a pool; again with the same income gives the same. None: the income that was added to it.

    Raises `LedgerError` (`StorageFailed` when disk or database refuse), `SettlementError`, `MoneyError`
    for a currency that nobody is paid in.
    """
    try:
        with checked_store(folder) as store, DailySums(store) as daily:
            log_published(folder, store)
            closed = close_period(store, folder.sign_by, period, income_micro, currency, pool, daily)
            public = Public(folder)
            with folder.publishing():
                folder.take_line(store)  # a key may have given way to another while the period was worked out
                public.publish(store, _nobody)
                place = _place_of_statements(public, closed.result.closing)
                written = _write(folder, store, public, place, closed, daily)
            follow_now(folder, store)
            return Settled(closed, written, public.root / place, tuple(waiting_pools(store, period)))
    except (OSError, *DATABASE_ERRORS, ProtocolError) as error:
        raise StorageFailed(f"{folder.path}: {error}") from None


def _nobody(_step: str) -> None:
    """Settlement has nothing to do between the steps of publication."""


def _place_of_statements(public: Public, closing: Closing) -> str:
    """Where earlier versions put them if they did: payees know that place."""
    before = f"statements/{closing.earlier_title()}"
    return before if (public.root / before).is_dir() else f"statements/{closing.title()}"


def _write(
    folder: Folder, store: Store, public: Public, place: str, closed: ClosedNow, daily: DailySums
) -> dict[str, Path]:
    written = {}
    for payee, data in _statements(folder, store, closed, daily):
        name = f"{place}/{payee}.json"
        if not (public.root / name).is_file():  # else an earlier version wrote it, and its payee knows it
            name, data = f"{name}.gz", compressed(data)
        public.write(name, data)
        written[payee] = public.root / name
    public.write(f"closings/{closed.result.closing.title()}.cose", closed.entry)
    return written


def _statements(folder: Folder, store: Store, closed: ClosedNow, daily: DailySums) -> Iterator[tuple[str, bytes]]:
    """(payee, file's bytes) of every statement, made one by one."""
    if isinstance(closed.result, PeriodResult):
        return _listed(folder, store, closed, closed.result)
    return _metered(folder, store, closed, closed.result, daily)


def _metered(
    folder: Folder, store: Store, closed: ClosedNow, result: MeteredResult, daily: DailySums
) -> Iterator[tuple[str, bytes]]:
    size, read = proof_size(store, closed.leaf_index), store.log.cached()
    note, rotations = head_note(folder, store, size), rotations_before(store, size)
    closing = closed.leaf_index, closed.entry, tree.inclusion_path(closed.leaf_index, size, read)
    common = note, closing, rotations
    venues, play_of = read_policy(folder), partial(daily.play, ticks_hz=result.meter.ticks_hz)
    for number, payee in enumerate(result.payees):
        core, proof = result.core_bytes(number), _metered_proof(store, result, number, common, size)
        whole, lines = statement_file(core, proof), result.lines_of(number)
        told = detail(json.loads(core), len(whole), lines, play_of, venues, folder.sign)
        yield payee, with_detail(whole, core, told)


def _metered_proof(
    store: Store,
    result: MeteredResult,
    number: int,
    common: tuple[str, EntryProof, Sequence[EntryProof]],
    size: int,
) -> MeteredProof:
    """Of one payee; `common` to all are the head, the closing and the rotations."""
    rows, read = result.stem_rows(number), store.log.cached()
    stems = [(index, result.meter.row(index)) for index in rows]
    place = number, result.statements.path(number)
    transfers = [
        (index, store.log.entry(index), tree.inclusion_path(index, size, read))
        for index, _moved in result.books.touching(result.payees[number])
    ]
    nodes = result.meter.stems.proof(rows) if rows else []
    note, closing, rotations = common
    return MeteredProof(note, closing, place, stems, nodes, rotations, transfers)


def _listed(folder: Folder, store: Store, closed: ClosedNow, result: PeriodResult) -> Iterator[tuple[str, bytes]]:
    size, read = closed.leaf_index + 1, store.log.cached()
    note = head_note(folder, store, size)
    closing = closed.leaf_index, closed.entry, tree.inclusion_path(closed.leaf_index, size, read)
    statements = statements_tree(result.core_bytes)
    for number, (payee, core) in enumerate(zip(result.payees, result.cores, strict=True)):
        leaves = _leaves(core)
        first = islice((index for first, count in leaves for index in range(first, first + count)), USAGE_PROOFS_MAX)
        usage = [_usage_proof(store, index, size, read) for index in first]
        left_out = sum(count for _first, count in leaves) - len(usage)
        proof = Proof(note, *closing, number, statements.path(number), usage, left_out)
        yield payee, file_bytes(statement(core, proof))


def proof_size(store: Store, closing: int) -> int:
    """How many entries the tree has in which a closing is proved. It holds every rotation of the ledger's key, so that
    whoever pinned an earlier one is led to the present one, which signs the head."""
    return max([closing, *(index for index, _entry in store.rotations.entries(LEDGER))]) + 1


def head_note(folder: Folder, store: Store, size: int) -> str:
    """The checkpoint over the first entries of the log, signed anew with the same bytes each time."""
    head = Checkpoint(store.origin, size, tree.root(size, store.log.cached()))
    return sign_checkpoint(head, folder.public_key, folder.sign).decode()


def rotations_before(store: Store, size: int) -> list[tuple[int, bytes, list[bytes]]]:
    """(leaf, entry, path) of each rotation of the ledger's key in the first entries of the log."""
    found = [(index, entry) for index, entry in store.rotations.entries(LEDGER) if index < size]
    return [(index, entry, tree.inclusion_path(index, size, store.log.cached())) for index, entry in found]


def _usage_proof(store: Store, index: int, size: int, read: tree.Read) -> UsageProof:
    return UsageProof(index, leaf_hash(store.log.entry(index)), tree.inclusion_path(index, size, read))


def _leaves(core: Mapping[str, object]) -> Sequence[Sequence[int]]:
    """The leaf indexes that a core lists, as runs (first, count)."""
    usage = core["usage"]
    assert isinstance(usage, Mapping)
    runs: Sequence[Sequence[int]] = usage["leaves"]
    return runs
