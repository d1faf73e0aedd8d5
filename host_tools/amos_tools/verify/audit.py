"""The order of the checks: from the pinned keys to the tree, from the tree to the readings, from there to the money.

Each step rests only on what the steps before have established; the first that fails ends the verification.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from amos.crypto import verify
from amos.protocol.catalogue import Catalogue, open_catalogue
from amos.protocol.closing import Closing, open_closing
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX, CHECKPOINT_BYTES_MAX, CLOSING_BYTES_MAX
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import Manifest, open_manifest
from amos.protocol.merkle import leaf_hash, root_from_path
from amos.protocol.opt_outs import OptOuts
from amos_batches.runner import InProcess, Runner
from amos_tools.verify.errors import Difference, VerifyError, same
from amos_tools.verify.forgone import given_up_in
from amos_tools.verify.hashed import Hashed
from amos_tools.verify.keys import Keys
from amos_tools.verify.lines import LineReader, Lines
from amos_tools.verify.log import Log, Reading, walk, walk_open
from amos_tools.verify.note import Checkpoint, Note, check_note, read_note
from amos_tools.verify.opened import Said, batches, key_table, read_log, survey
from amos_tools.verify.published import Published
from amos_tools.verify.reader import PathTo, Statement, read_statement
from amos_tools.verify.recompute import Period, cores
from amos_tools.verify.tree import read_entries, root_of

Begin = Callable[[int | None, list[OptOuts]], Callable[[Reading], None]]
"""(version of the closing, None while there is none; opt-out lists in the log by then) → what takes the readings."""

USAGE_PROOFS_MAX = 256
"""Paths that a statement carries; see `amos_ledger.settlement.statement`."""


@dataclass(frozen=True)
class Verified:
    """A statement that holds. `checked` says in a few lines what was looked at."""

    payee: str
    period: str
    currency: str
    amount_micro: int
    checked: tuple[str, ...]


@dataclass(frozen=True)
class PeriodFacts:
    """A settled period recomputed. `root` is over the recomputed cores; it is compared after the statement's own core,
    because a difference there says where it is."""

    closing: Closing
    cores: Mapping[str, dict[str, object]]
    root: bytes
    checked: tuple[str, ...]
    catalogue: Catalogue


@dataclass(frozen=True)
class Ground:
    """What a period's readings stand on, all of it verified.

    closing      and its statements' cores by payee; of a period that is open None and none
    catalogue    that which pays; while the period is open, the latest that the log names, None where it names none
    opt_outs     the lists in the log by then
    root         while the period is open that of the published log, else the closing's root over all statements
    """

    closing: Closing | None
    cores: Mapping[str, dict[str, object]]
    catalogue: Catalogue | None
    opt_outs: list[OptOuts]
    root: bytes


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
        self._named: dict[bytes, bytes] = {}
        self._opt_outs: list[tuple[int, OptOuts]] = []
        self._closings: list[tuple[int, bytes]] = []
        self._checkpoint, self._lines = self._read_first(note)
        tiles = self._leaves.check_above()
        same("root of the published entries", self._checkpoint.root, self._leaves.root(self._checkpoint.size))
        self._checked: tuple[str, ...] = (
            f"checkpoint of {self._checkpoint.size} entries by the pinned ledger key",
            f"{self._checkpoint.size} published entries give its root, and {_counted(tiles, 'hash tile')} agree",
            *self._lines.said(),
        )
        self._periods: dict[bytes, PeriodFacts] = {}

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
                self._named.update(key_table(found.keys))
                self._opt_outs += found.opt_outs
                self._closings += found.closings
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

    def check_since(self, note: bytes) -> None:
        """Verify that the published log begins with the entries of an earlier checkpoint, which the caller kept.

        `Difference` means that the ledger has signed two histories (a split view) or has published fewer entries than
        it once signed.
        """
        then = self._open_earlier("since", note)
        self._checked += (f"since the checkpoint kept, of {then.size} entries, entries were only added",)

    def check(self, data: bytes) -> Verified:
        """Verify one statement's file."""
        statement = read_statement(data)
        then = self._check_proved(statement)
        facts = self._period(statement)
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
            f"every figure of this statement, {_counted(lines, 'line')}, recomputed",
            f"this statement in the closing's root; {_counted(count, 'inclusion path')} of its segments",
        )
        return Verified(payee, facts.closing.period, facts.closing.currency, amount, checked)

    def readings(self, period: str, begin: Begin) -> Ground:
        """Give each segment of a period, in the order of the log, to what `begin` returns. A settled period is
        recomputed from them, and must come to its closing; of one that is open they are those that accrue to it so
        far."""
        for index, entry in self._closings:
            closing = self._open_closing(f"entry {index}", entry, index)
            if closing.period == period:
                lists = [item for at, item in self._opt_outs if at < index]
                facts = self._recompute(closing, index, entry, begin(closing.version, lists))
                same("closing.statements_root", facts.root, closing.statements_root)
                return Ground(closing, facts.cores, facts.catalogue, lists, facts.root)
        lists = [item for _at, item in self._opt_outs]
        head = self._checkpoint
        take = begin(None, lists)
        log = walk_open(self._read(), head.origin, head.size, period, self._keys.publisher, self._lines, take)
        named = log.decided.catalogues
        return Ground(None, {}, self._catalogue(named[max(named)]) if named else None, lists, head.root)

    def manifest_of(self) -> Callable[[bytes], Manifest]:
        """What gives the manifest of a pack, each read and verified once."""
        return _Manifests(self._published, self._keys.publisher).of

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
            raise Difference(f"{label}.size", f"at most {self._checkpoint.size}, as published", then.size)
        root = self._leaves.root(then.size)
        if root != then.root:
            index = given_up_in(self._entries(), self._lines.operator, then.size, then.root)
            if index is not None:
                given_up = f"{then.root.hex()}, which the operator gave up as lost in entry {index}"
                raise Difference(f"{label}.root", root, given_up)
        same(f"{label}.root", root, then.root)
        return then

    def _period(self, statement: Statement) -> PeriodFacts:
        entry = statement.closing_entry
        if entry not in self._periods:
            closing = self._open_closing("proof.closing.entry", entry, statement.closing.index)
            self._periods[entry] = self._recompute(closing, statement.closing.index, entry)
        return self._periods[entry]

    def _open_closing(self, label: str, entry: bytes, index: int) -> Closing:
        try:
            closing: Closing = open_closing(entry, self._lines.ledger.at(index), verify)
        except ProtocolError as error:
            raise Difference(label, "a closing by the pinned ledger key", error) from None
        return closing

    def _catalogue(self, sha256: bytes) -> Catalogue:
        data = self._published.read_hashed("catalogues", sha256, CATALOGUE_BYTES_MAX)
        try:
            catalogue: Catalogue = open_catalogue(data, self._keys.publisher, verify)
        except ProtocolError as error:
            raise Difference("catalogue", "one by the pinned publisher key", error) from None
        return catalogue

    def _recompute(
        self, closing: Closing, index: int, entry: bytes, also: Callable[[Reading], None] | None = None
    ) -> PeriodFacts:
        """The period, worked out from its readings, which `also` takes as well."""
        name = f"closings/{closing.period}.cose"
        if self._published.read(name, CLOSING_BYTES_MAX) != entry:
            raise Difference(name, f"entry {index} of the log", "other bytes")
        catalogue = self._catalogue(closing.catalogue_sha256)
        manifests = _Manifests(self._published, self._keys.publisher)
        lists = [item for at, item in self._opt_outs if at < index]
        period = Period(catalogue, manifests.of, lists, closing.version)

        def take(reading: Reading) -> None:
            period.take(reading)
            if also is not None:
                also(reading)

        log = walk(self._read(), self._checkpoint.origin, index, closing, self._keys.publisher, self._lines, take)
        same("opt-out lists before the closing", len(log.opt_outs), len(lists))
        if log.catalogue_serial is not None:
            same("catalogue.serial", log.catalogue_serial, catalogue.serial)
        by_payee = {str(core["payee"]): core for core in cores(period, closing)}
        played = bool(period.frames)
        same("closing.carry_out_micro", 0 if played else closing.pool_micro, closing.carry_out_micro)
        same("closing.statements", len(by_payee), closing.statements)
        root = root_of([leaf_hash(_core_bytes(core)) for core in by_payee.values()])
        return PeriodFacts(
            closing,
            by_payee,
            root,
            (*_said(log, period.whole.segments, closing, index), manifests.said()),
            catalogue,
        )

    def _read(self) -> Iterator[tuple[bytes, Said]]:
        """Every entry again, and what it says by itself."""
        for batch, opened in read_log(self._entries(), self._runner, self._named):
            self._leaves.check_again(batch.first, opened.hashes)
            yield from zip(batch.entries, opened.said, strict=True)

    def _check_place(self, statement: Statement, facts: PeriodFacts, core: dict[str, object]) -> None:
        closing = facts.closing
        same("closing.statements_root", facts.root, closing.statements_root)
        same("proof.statement.index", list(facts.cores).index(str(core["payee"])), statement.place.index)
        leaf = leaf_hash(_core_bytes(statement.core))
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


class _Manifests:
    """The publisher's manifests by pack, each read and verified once."""

    def __init__(self, published: Published, publisher_key: bytes) -> None:
        self._published = published
        self._key = publisher_key
        self.of = lru_cache(maxsize=None)(self._open)

    def _open(self, pack: bytes) -> Manifest:
        data = self._published.read_hashed("manifests", pack, MANIFEST_BYTES_MAX)
        try:
            return open_manifest(data, self._key, verify)
        except ProtocolError as error:
            raise Difference(f"manifest {pack.hex()}", "one by the pinned publisher key", error) from None

    def said(self) -> str:
        return f"catalogue and {_counted(self.of.cache_info().currsize, 'manifest')} by the pinned publisher key"


def first_difference(path: str, expected: object, found: object) -> None:
    """Raise `Difference` at the first place, in order of keys, where `found` is not `expected`."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            if key not in found:
                raise Difference(f"{path}.{key}", expected[key], "nothing")
            if key not in expected:
                raise Difference(f"{path}.{key}", "nothing", found[key])
            first_difference(f"{path}.{key}", expected[key], found[key])
    elif isinstance(expected, list) and isinstance(found, list):
        for number, (item, other) in enumerate(zip(expected, found, strict=False)):
            first_difference(f"{path}[{number}]", item, other)
        same(f"{path}, count", len(expected), len(found))
    else:
        same(path, expected, found)


def _check_path(label: str, leaf: bytes, place: PathTo, size: int, root: bytes) -> None:
    try:
        found = root_from_path(leaf, place.index, size, place.path)
    except ProtocolError as error:
        raise Difference(label, f"a path to the root {root.hex()}", error) from None
    same(f"{label}, root", root, found)


def _core_bytes(core: dict[str, object]) -> bytes:
    return json.dumps(core, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _list_of(core: dict[str, object], name: str) -> list[object]:
    value = core[name]
    assert isinstance(value, list)
    return value


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _said(log: Log, settled: int, closing: Closing, index: int) -> tuple[str, ...]:
    return (
        f"{_counted(log.segments, 'usage segment')} of {_counted(len(log.devices), 'enrolled device')}:"
        " signatures, sequence, chain",
        f"closing of {closing.period}, entry {index}: {_counted(settled, 'segment')}, each settled once, none left out",
        "stem-time added up again, and the pool apportioned again",
    )
