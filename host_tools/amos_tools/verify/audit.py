"""The order of the checks: from the pinned keys to the tree, from the tree to the readings, from there to the money.

Each step rests only on what the steps before have established; the first that fails ends the verification.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from amos.protocol.closing import COMMUNAL, VERSION_LISTED, Closing
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos.protocol.manifest import Manifest
from amos.protocol.merkle import leaf_hash, root_from_path
from amos_batches.runner import InProcess, Runner
from amos_tools.verify.counted import counted
from amos_tools.verify.daily import check_daily
from amos_tools.verify.errors import Difference, PoolUnknown, VerifyError, same, shown
from amos_tools.verify.forgone import given_up_in
from amos_tools.verify.ground import Begin, Ground, metered_judge, stated
from amos_tools.verify.hashed import Hashed
from amos_tools.verify.keys import Keys
from amos_tools.verify.light import check_core, first_difference, read_rows, speaks_for_itself
from amos_tools.verify.light_detail import check_detail
from amos_tools.verify.lines import LineReader, Lines
from amos_tools.verify.log import Target, walk
from amos_tools.verify.note import Checkpoint, Note, check_note, read_note
from amos_tools.verify.noted import Noted
from amos_tools.verify.opened import Said, batches, read_log, survey
from amos_tools.verify.periods import Entries, PeriodFacts, Periods, listed_core_bytes, readings_before
from amos_tools.verify.published import Published
from amos_tools.verify.reader import PathTo, Statement, read_statement
from amos_tools.verify.readings import Readings
from amos_tools.verify.rights import Rights
from amos_tools.verify.tree import read_entries

USAGE_PROOFS_MAX = 256
"""Paths that a statement carries; see `amos_ledger.settlement.statement`."""


@dataclass(frozen=True)
class Verified:
    """A statement that holds. `checked` says in a few lines what was looked at; `pool` is empty where there is one
    alone."""

    payee: str
    period: str
    currency: str
    amount_micro: int
    checked: tuple[str, ...]
    pool: str = ""


class Audit:
    """A ledger's published log, verified against pinned keys once; then any number of its statements.

    Raises `Difference` or `Unreadable` at the first fault.
    """

    def __init__(self, published: Published, keys: Keys, runner: Runner | None = None) -> None:
        self._published = published
        self._keys = keys
        self._runner = runner or InProcess()
        note = read_note("checkpoint", published.read("checkpoint", CHECKPOINT_BYTES_MAX), keys.origin)
        self._leaves = Hashed(published, note.says.size)
        self._noted = Noted()
        self._checkpoint, self._lines = self._read_first(note)
        tiles = self._leaves.check_above()
        same("root of the published entries", self._checkpoint.root, self._leaves.root(self._checkpoint.size))
        self._checked: tuple[str, ...] = (
            f"checkpoint of {self._checkpoint.size} entries by the pinned ledger key",
            f"{self._checkpoint.size} published entries give its root, and {counted(tiles, 'hash tile')} agree",
            *self._lines.said(),
        )
        self._log = Entries(published, keys.publisher, note.says.origin, self._lines, self._noted, self._read)
        self._periods = Periods(self._log)

    def _read_first(self, note: Note) -> tuple[Checkpoint, Lines]:
        """The first reading of all entries: the published checkpoint, verified, and the lines of keys that they tell
        of."""
        refused: Difference | None = None
        try:
            check_note("checkpoint", note, self._keys.ledger)
        except Difference as error:
            refused = error  # it may be by a later key of the line, of which the entries tell
        reader = LineReader(note.says.origin, self._keys)
        try:
            # Here and on no cluster: to send an entry takes longer than to hash it.
            for found in map(survey, batches(read_entries(self._published, note.says.size), {})):
                self._leaves.add(found.hashes)
                self._noted.take(found)
                for index, entry in found.rotations:
                    reader.take(index, entry)
            lines = reader.lines()
            return lines.check_note("checkpoint", note), lines
        except VerifyError:
            if refused is not None and not reader.followed:
                raise refused from None
            raise

    def _entries(self) -> Iterator[bytes]:
        return read_entries(self._published, self._checkpoint.size)

    @property
    def checked(self) -> tuple[str, ...]:
        """What was looked at in the log itself, in a few lines."""
        return self._checked

    @property
    def lines(self) -> Lines:
        """The keys of ledger and operator that were followed."""
        return self._lines

    def entries(self) -> Iterator[bytes]:
        """The entries read again, in order; each is one that was read before. Raises `Difference`."""
        for batch in batches(self._entries(), {}):
            self._leaves.check_again(batch.first, b"".join(map(leaf_hash, batch.entries)))
            yield from batch.entries

    def check_since(self, note: bytes) -> None:
        """Verify that the published log begins with the entries of an earlier checkpoint, which the caller kept.

        `Difference` means that the ledger has signed two histories (a split view) or has published fewer entries than
        it once signed.
        """
        then = self._open_earlier("since", note)
        self._checked += (f"since the checkpoint kept, of {then.size} entries, entries were only added",)

    def check(self, data: bytes) -> Verified:
        """Verify one statement's file."""
        if speaks_for_itself(data):
            return self._check_metered(data)
        statement = read_statement(data)
        then = self._check_proved(statement)
        facts = self._periods.listed(statement.closing_entry, statement.closing.index)
        payee = str(statement.core.get("payee"))
        if payee not in facts.cores:
            raise Difference("core.payee", f"one of {', '.join(facts.cores)}", payee)
        core = facts.cores[payee]
        first_difference("core", core, statement.core)
        self._check_place(statement, facts, core)
        count = self._check_usage(statement, core, then)
        lines = len(_list_of(core, "lines"))
        amount = core["amount_micro"]
        assert isinstance(amount, int)
        checked = (
            *self._checked,
            *facts.checked,
            f"every figure of this statement, {counted(lines, 'line')}, recomputed",
            f"this statement in the closing's root; {counted(count, 'inclusion path')} of its segments",
        )
        return Verified(payee, facts.closing.period, facts.closing.currency, amount, checked)

    def readings(self, period: str, begin: Begin, currency: str | None = None, pool: str = COMMUNAL) -> Ground:
        """Give each segment of a period and pool, in the order of the log, to what `begin` returns. A settled period is
        recomputed from them, and must come to its closing in this currency, the first by default; of one that is open
        they are those that accrue to it so far. Raises `PoolUnknown`, too."""
        of_period = [item for item in self._noted.closings if item[2].period == period]
        closed = [item for item in of_period if (item[2].pool or COMMUNAL) == pool]
        if of_period and not closed:
            self._walk([], pool)
            raise Difference("period", f"one closed for pool {pool}", f"{period}, closed for {of_period[0][2].pool}")
        found = next((item for item in closed if currency in (None, item[2].currency)), None)
        if found is None and closed:
            raise Difference("period", f"one closed in {currency}", f"{period}, closed in {closed[0][2].currency}")
        if found is None:
            return self._open_readings(period, begin, pool)
        index, entry, _claimed = found
        closing = self._log.open_closing(entry, index)
        if closing.version > VERSION_LISTED:
            return self._metered_readings(closing, index, entry, begin)
        lists = self._noted.opt_outs(index)
        catalogue = self._log.documents().catalogue(closing.catalogue_sha256)
        facts = self._periods.recompute(closing, index, entry, begin)
        same("closing.statements_root", facts.root, closing.statements_root)
        return Ground(closing, facts.cores, *stated([catalogue]), lists, facts.root)

    def _metered_readings(self, closing: Closing, index: int, entry: bytes, begin: Begin) -> Ground:
        metered, _checked = self._periods.read_metered(closing, index, entry, begin)
        for name, value in metered.closing.items():
            same(f"closing.{name}", value, getattr(closing, name))
        first = readings_before(closing, index)
        named = [catalogue for _since_s, catalogue in self._log.catalogues(first)]
        lists = self._noted.opt_outs(first)
        cores = {payee: metered.core(payee) for payee in metered.payees}
        return Ground(closing, cores, *stated(named), lists, closing.statements_root)

    def _open_readings(self, period: str, begin: Begin, pool: str) -> Ground:
        head = self._checkpoint
        named = list(self._log.catalogues(head.size))
        lists = self._noted.opt_outs(head.size)
        readings = Readings(Rights(named), self.manifest_of(), lists)
        take = begin(metered_judge(readings))
        target = Target(head.size, head.size, period, take, pool=pool)
        self._walk([target], pool)
        return Ground(None, {}, *stated([catalogue for _since_s, catalogue in named]), lists, head.root)

    def _walk(self, targets: list[Target], pool: str) -> None:
        """Give the targets their readings. Raises `PoolUnknown` for a pool that no entry opens."""
        before = self._noted.before()
        found = walk(self._read(), self._checkpoint.origin, targets, self._keys.publisher, self._lines, before)
        names = [COMMUNAL, *found.pools.opened]
        if pool not in names:
            raise PoolUnknown(f"pool: expected one of {', '.join(names)}, found {shown(pool)}")

    def manifest_of(self) -> Callable[[bytes], Manifest]:
        """What gives the manifest of a pack, each read and verified once."""
        return self._log.documents().manifest

    def _check_metered(self, data: bytes) -> Verified:
        """A statement of version 4: what it rests on, the period recomputed, and then all that it says."""
        first, *later = self._lines.ledger.keys
        said = read_rows(data, first, self._checkpoint.origin, later)
        self._open_earlier("proof.checkpoint", said.checkpoint.encode(errors="replace"))
        leaf = self._leaves.leaf(said.closing_index)
        same("proof.closing.entry, leaf hash", leaf, leaf_hash(said.closing_entry))
        metered, checked = self._periods.metered(said.closing_entry, said.closing_index)
        for name, value in metered.closing.items():
            if not name.endswith("_root"):
                same(f"closing.{name}", value, said.closing[name])
        for number, (index, row) in enumerate(said.rows.items()):
            label = f"proof.stems.rows[{number}]"
            first_difference(f"{label}.row", metered.row(row["stem_id"]), row)
            same(f"{label}.index", metered.index_of(row["stem_id"]), index)
        if said.payee not in metered.amounts:
            raise Difference("core.payee", f"one of {', '.join(metered.payees)}", said.payee)
        first_difference("core", metered.core(said.payee), said.core)
        check_core(said)
        same("proof.statement.index", metered.payees.index(said.payee), said.place)
        for name in ("stems_root", "devices_root", "statements_root"):
            same(f"closing.{name}", metered.closing[name], said.closing[name])
        if said.detail is not None:
            check_detail(said.detail, said.core, said.head_key)
            check_daily(said.detail, said.core, metered.daily)
        figures = f"every figure of this statement, {counted(len(said.core['lines']), 'line')}, recomputed"
        return Verified(
            *(said.payee, said.period, said.currency, said.amount_micro),
            (*self._checked, *checked, figures),
            said.pool,
        )

    def _check_proved(self, statement: Statement) -> Checkpoint:
        """The statement's own checkpoint is of this log, at this size or before, and covers its closing."""
        then = self._open_earlier("proof.checkpoint", statement.checkpoint.encode(errors="replace"))
        closing = statement.closing
        if closing.index >= then.size:
            raise Difference("proof.closing.index", f"below {then.size}", closing.index)
        same("proof.closing.entry, leaf hash", self._leaves.leaf(closing.index), leaf_hash(statement.closing_entry))
        _check_path("proof.closing.path", self._leaves.leaf(closing.index), closing, then.size, then.root)
        return then

    def _open_earlier(self, label: str, note: bytes) -> Checkpoint:
        """A checkpoint of this log whose entries are the first of the published ones."""
        then = self._lines.check_note(label, read_note(label, note, self._checkpoint.origin))
        if then.size > self._checkpoint.size:
            published = f"at most {self._checkpoint.size}, as published here (if this place lags, copy it anew)"
            raise Difference(f"{label}.size", published, then.size)
        root = self._leaves.root(then.size)
        if root != then.root:
            index = given_up_in(self._entries(), self._lines.operator, then.size, then.root)
            if index is not None:
                given_up = f"{then.root.hex()}, which the operator gave up as lost in entry {index}"
                raise Difference(f"{label}.root", root, given_up)
        same(f"{label}.root", root, then.root)
        return then

    def _read(self) -> Iterator[tuple[bytes, Said]]:
        """Every entry again, and what it says by itself."""
        for batch, opened in read_log(self._entries(), self._runner, self._noted.keys):
            self._leaves.check_again(batch.first, opened.hashes)
            yield from zip(batch.entries, opened.said, strict=True)

    def _check_place(self, statement: Statement, facts: PeriodFacts, core: dict[str, object]) -> None:
        closing = facts.closing
        same("closing.statements_root", facts.root, closing.statements_root)
        same("proof.statement.index", list(facts.cores).index(str(core["payee"])), statement.place.index)
        leaf = leaf_hash(listed_core_bytes(statement.core))
        _check_path("proof.statement.path", leaf, statement.place, closing.statements, closing.statements_root)

    def _check_usage(self, statement: Statement, core: dict[str, object], then: Checkpoint) -> int:
        usage = core["usage"]
        assert isinstance(usage, dict)
        leaves = [leaf for first, count in usage["leaves"] for leaf in range(first, first + count)]
        same("proof.usage, count", len(leaves[:USAGE_PROOFS_MAX]), len(statement.usage))
        same("proof.usage_left_out", len(leaves[USAGE_PROOFS_MAX:]), statement.usage_left_out)
        for number, (leaf, (step, found)) in enumerate(zip(leaves, statement.usage, strict=False)):
            label = f"proof.usage[{number}]"
            same(f"{label}.index", leaf, step.index)
            same(f"{label}.leaf_hash", self._leaves.leaf(leaf), found)
            _check_path(f"{label}.path", found, step, then.size, then.root)
        return len(statement.usage)


def _check_path(label: str, leaf: bytes, place: PathTo, size: int, root: bytes) -> None:
    try:
        found = root_from_path(leaf, place.index, size, place.path)
    except ProtocolError as error:
        raise Difference(label, f"a path to the root {root.hex()}", error) from None
    same(f"{label}, root", root, found)


def _list_of(core: dict[str, object], name: str) -> list[object]:
    value = core[name]
    assert isinstance(value, list)
    return value
