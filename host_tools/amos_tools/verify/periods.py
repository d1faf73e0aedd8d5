"""Closed periods worked out from the log. Each entry is read once for a period, its earlier ones included.

Balances begin with what earlier closings gave, so these are worked out as well: each takes its readings in the same
walk, is worked out behind its closing, and leaves nothing but what it gave to whom. So memory holds the periods that
are open at one place of the log, however many came before.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from amos.crypto import verify
from amos.protocol.catalogue import Catalogue
from amos.protocol.closing import VERSION, VERSION_LISTED, Closing, open_closing
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CLOSING_BYTES_MAX
from amos.protocol.merkle import leaf_hash
from amos_tools.verify.books import Books, Credits
from amos_tools.verify.counted import counted
from amos_tools.verify.documents import Documents
from amos_tools.verify.errors import Difference, same
from amos_tools.verify.ground import Begin, Judge, listed_judge, metered_judge
from amos_tools.verify.leaf_runs import LeafRuns
from amos_tools.verify.lines import Lines
from amos_tools.verify.log import Log, Reading, Target, walk
from amos_tools.verify.metered import Metered
from amos_tools.verify.noted import Noted
from amos_tools.verify.opened import Said
from amos_tools.verify.published import Published
from amos_tools.verify.readings import Readings
from amos_tools.verify.recompute import Period, cores
from amos_tools.verify.rights import Rights
from amos_tools.verify.tree import root_of

Take = Callable[[Reading], None]


@dataclass(frozen=True)
class PeriodFacts:
    """A settled period recomputed whose closing lists its leaves. `root` is over the recomputed cores; it is compared
    after the statement's own core, because a difference there says where it is."""

    closing: Closing
    cores: Mapping[str, dict[str, object]]
    root: bytes
    checked: tuple[str, ...]


@dataclass(frozen=True)
class Entries:
    """A log that was read once: where it is published, whose it is, and what gives its entries again."""

    published: Published
    publisher_key: bytes
    origin: str
    lines: Lines
    noted: Noted
    read: Callable[[], Iterator[tuple[bytes, Said]]]

    def documents(self) -> Documents:
        """Catalogues and manifests, verified when they are read."""
        return Documents(self.published, self.publisher_key)

    def catalogues(self, index: int) -> Iterator[tuple[float, Catalogue]]:
        """The catalogues that came into force before this leaf, and since when each is known."""
        documents = self.documents()
        for since_s, named in self.noted.catalogues(index):
            catalogue = documents.catalogue(named.sha256)
            same("catalogue.serial", named.serial, catalogue.serial)
            yield since_s, catalogue

    def open_closing(self, entry: bytes, index: int) -> Closing:
        """The closing at that leaf. Raises `Difference` for one by another key."""
        try:
            return open_closing(entry, self.lines.ledger.at(index), verify)
        except ProtocolError as error:
            raise Difference("proof.closing.entry", "a closing by the pinned ledger key", error) from None


@dataclass
class _Underway:
    """A period whose readings are taken. What adds them up is made at the first one, when the period begins."""

    entries: Entries
    closing: Closing
    index: int
    documents: Documents
    begin: Begin | None = None
    also: Take | None = field(default=None, init=False)
    _sums: Readings | Period | None = field(default=None, init=False)

    @property
    def before(self) -> int:
        """The leaf in front of which its readings stand."""
        return readings_before(self.closing, self.index)

    @property
    def metered(self) -> bool:
        """Whether it is closed by readings."""
        return self.closing.version > VERSION_LISTED

    @property
    def sums(self) -> Readings | Period:
        """What adds up."""
        if self._sums is None:
            lists = self.entries.noted.opt_outs(self.before)
            judge: Judge
            if self.metered:
                rights = Rights(self.entries.catalogues(self.before))
                readings = Readings(rights, self.documents.manifest, lists)
                self._sums, judge = readings, metered_judge(readings)
            else:
                catalogue = self.documents.catalogue(self.closing.catalogue_sha256)
                self._sums = Period(catalogue, self.documents.manifest, lists, self.closing.version)
                judge = listed_judge(self.closing, catalogue.serial, lists)
            self.also = self.begin(judge) if self.begin else None
        return self._sums

    def target(self) -> Target:
        """As the walk takes it. Who is to take readings as well begins, though there may be none."""
        if self.begin is not None:
            _begun = self.sums
        leaves = None if self.metered else LeafRuns(self.closing.ranges())
        pool = self.closing.pool if self.closing.version == VERSION else None
        return Target(self.index, self.before, self.closing.period, self._take, leaves, pool=pool)

    def forget(self) -> None:
        """Let go of what was added up."""
        self._sums = None

    def _take(self, reading: Reading) -> None:
        self.sums.take(reading)
        if self.also is not None:
            self.also(reading)


class Periods:
    """Works out each closed period that is asked for, once."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._given: dict[int, Credits] = {}
        self._listed: dict[bytes, PeriodFacts] = {}
        self._metered: dict[bytes, tuple[Metered, tuple[str, ...]]] = {}

    def listed(self, entry: bytes, index: int) -> PeriodFacts:
        """The period of a closing that lists its leaves."""
        if entry not in self._listed:
            self._listed[entry] = self.recompute(self._entries.open_closing(entry, index), index, entry)
        return self._listed[entry]

    def metered(self, entry: bytes, index: int) -> tuple[Metered, tuple[str, ...]]:
        """The period of a closing by readings, and what was looked at."""
        if entry not in self._metered:
            self._metered[entry] = self.read_metered(self._entries.open_closing(entry, index), index, entry)
        return self._metered[entry]

    def recompute(self, closing: Closing, index: int, entry: bytes, begin: Begin | None = None) -> PeriodFacts:
        """The period, worked out from its readings, which what it is to `begin` takes as well."""
        self._check_published(closing, index, entry)
        under = _Underway(self._entries, closing, index, self._entries.documents(), begin)
        target = under.target()
        log = self._walk([target])
        return self._facts(under, target, log)

    def read_metered(
        self, closing: Closing, index: int, entry: bytes, begin: Begin | None = None
    ) -> tuple[Metered, tuple[str, ...]]:
        """The period, worked out from its readings, which what it is to `begin` takes as well; and what was looked
        at."""
        self._check_published(closing, index, entry)
        documents = self._entries.documents()
        under = _Underway(self._entries, closing, index, documents, begin)
        target = under.target()
        log = self._walk([*self._earlier(closing, index), target])
        metered = self._worked_out(under, target, log)
        readings = under.sums
        assert isinstance(readings, Readings)
        return metered, (*_said(log, readings.segments, closing, index), documents.said())

    def _earlier(self, closing: Closing, index: int) -> Iterator[Target]:
        """The earlier closings of the same currency that were not worked out before."""
        for at, entry, claimed in self._entries.noted.closings:
            if at < index and claimed.currency == closing.currency and at not in self._given:
                earlier = self._entries.open_closing(entry, at)
                self._check_published(earlier, at, entry)
                under = _Underway(self._entries, earlier, at, self._entries.documents())
                target = under.target()
                target.ended = self._ended(under, target)
                yield target

    def _ended(self, under: _Underway, target: Target) -> Callable[[Log], None]:
        def ended(log: Log) -> None:
            if under.metered:
                metered = self._worked_out(under, target, log)
                self._given[under.index] = metered.credits
                metered.close()
            else:
                amounts = {payee: core["amount_micro"] for payee, core in self._facts(under, target, log).cores.items()}
                self._given[under.index] = {
                    payee: (amount, 0) for payee, amount in amounts.items() if isinstance(amount, int)
                }
            under.forget()

        return ended

    def _worked_out(self, under: _Underway, target: Target, log: Log) -> Metered:
        closing, index, noted = under.closing, under.index, self._entries.noted
        same("opt-out lists before the closing", target.opt_outs, len(noted.opt_outs(under.before)))
        names = (
            "version",
            "period",
            "pool",
            "currency",
            "income_micro",
            "carry_in_micro",
            "pool_micro",
            "catalogue_sha256",
        )
        transfers = [item for item in log.transfers if item[0] < index]
        earlier = [(at, item) for at, _entry, item in noted.closings if at < index]
        books = Books(closing.currency, transfers, earlier, lambda at, _closing: self._given[at])
        readings = under.sums
        assert isinstance(readings, Readings)
        metered = Metered(readings, {name: getattr(closing, name) for name in names}, books)
        self._given[index] = metered.credits
        return metered

    def _facts(self, under: _Underway, target: Target, log: Log) -> PeriodFacts:
        closing, index, period = under.closing, under.index, under.sums
        assert isinstance(period, Period)
        catalogue = under.documents.catalogue(closing.catalogue_sha256)
        same("opt-out lists before the closing", target.opt_outs, len(self._entries.noted.opt_outs(index)))
        if target.catalogue_serial is not None:
            same("catalogue.serial", target.catalogue_serial, catalogue.serial)
        by_payee = {str(core["payee"]): core for core in cores(period, closing)}
        played = bool(period.frames)
        same("closing.carry_out_micro", 0 if played else closing.pool_micro, closing.carry_out_micro)
        same("closing.statements", len(by_payee), closing.statements)
        root = root_of([leaf_hash(listed_core_bytes(core)) for core in by_payee.values()])
        said = (*_said(log, period.whole.segments, closing, index), under.documents.said())
        return PeriodFacts(closing, by_payee, root, said)

    def _walk(self, targets: list[Target]) -> Log:
        entries = self._entries
        return walk(
            entries.read(), entries.origin, targets, entries.publisher_key, entries.lines, entries.noted.before()
        )

    def _check_published(self, closing: Closing, index: int, entry: bytes) -> None:
        names = [f"closings/{title}.cose" for title in (closing.title(), closing.earlier_title())]
        name, found = self._entries.published.first_of(names, CLOSING_BYTES_MAX)
        if found != entry:
            raise Difference(name, f"entry {index} of the log", "other bytes")


def readings_before(closing: Closing, index: int) -> int:
    """The leaf in front of which stand the play that the closing at `index` divides by, and what decided about it: in a
    further currency that of the period's first closing."""
    return index if closing.readings_of is None else closing.readings_of


def listed_core_bytes(core: dict[str, object]) -> bytes:
    """Of a statement before version 4."""
    return json.dumps(core, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _said(log: Log, settled: int, closing: Closing, index: int) -> tuple[str, ...]:
    of_pool = f", pool {closing.pool}" if closing.version == VERSION else ""
    return (
        f"{counted(log.segments, 'usage segment')} of {counted(len(log.devices), 'enrolled device')}:"
        " signatures, sequence, chain",
        f"closing of {closing.period}{of_pool}, entry {index}: {counted(settled, 'segment')},"
        " each settled once, none left out",
        "stem-time added up again, and the pool apportioned again",
    )
