"""A period since version 4 worked out from its readings: both trees, the money, and the core of each statement.

Rows and shares are put aside in the readings' database, and read again in order, so that what is in memory grows with
devices and payees alone. Formats and the arithmetic of a single statement are those of the light check.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from hashlib import sha256
from itertools import groupby
from math import lcm
from typing import Any

import cbor2

from amos_tools.verify.books import Books
from amos_tools.verify.daily import Daily
from amos_tools.verify.errors import Difference
from amos_tools.verify.light_closing import EARNING, STEM_ROW
from amos_tools.verify.light_figures import (
    COUNTS,
    STANDINGS,
    Shares,
    build_core,
    build_pool,
    divide,
    fraction,
)
from amos_tools.verify.light_formats import core_bytes, record
from amos_tools.verify.light_trees import NO_LEAVES, SUM_BYTES, Summed, leaf_hash, summed_node
from amos_tools.verify.readings import Readings
from amos_tools.verify.sums import Amount, Kind, together
from amos_tools.verify.tree import root_of_sized

Played = tuple[Kind, Amount]


class SumTree:
    """The root of a sum tree whose leaves come one by one."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: list[tuple[int, Summed]] = []

    def add(self, data: bytes, ticks: int) -> None:
        """The next leaf."""
        size, node = 1, (leaf_hash(data), ticks)
        self.count += 1
        while self._waiting and self._waiting[-1][0] == size:
            node = summed_node("ticks", self._waiting.pop()[1], node)
            size *= 2
        self._waiting.append((size, node))

    def root(self) -> Summed:
        """Of all that came."""
        if not self._waiting:
            return NO_LEAVES, 0
        found = self._waiting[-1][1]
        for _size, node in reversed(self._waiting[:-1]):
            found = summed_node("ticks", node, found)
        return found


class Metered:
    """What the readings of a period come to. `closing`: the fields that follow from them; `payees` in order."""

    def __init__(self, readings: Readings, terms: dict[str, Any], books: Books) -> None:
        """`terms`: the closing's fields that readings do not tell: period, currency, income, carry, catalogue."""
        self._books = books
        self._readings, self._database = readings, readings.sums.database
        self._hz = lcm(*readings.sums.rates_hz())
        self._weights: dict[str, int] = {}
        self._unpaid_ms: Counter[int] = Counter()
        self._database.execute("CREATE TABLE row (lead, stem, data, ticks, PRIMARY KEY (lead, stem)) WITHOUT ROWID")
        self._database.execute("CREATE TABLE share (payee, stem, rights, ppm, PRIMARY KEY (payee, stem, rights))")
        devices_root, devices = self._device_rows()
        self._stem_rows()
        stems = SumTree()
        self._database.execute("CREATE TABLE place (stem PRIMARY KEY, number) WITHOUT ROWID")
        for stem, data, ticks in self._database.execute("SELECT stem, data, ticks FROM row ORDER BY lead, stem"):
            self._database.execute("INSERT INTO place VALUES (?, ?)", (stem, stems.count))
            stems.add(data, int.from_bytes(ticks, "big"))
        (stems_root, ticks), self.payees = stems.root(), sorted(self._weights.keys() | books.payees())
        self.closing = terms | {
            **{"segments": readings.segments, "ticks_hz": self._hz, "ticks": ticks.to_bytes(SUM_BYTES, "big")},
            **{"devices": devices, "devices_root": devices_root, "stems": stems.count, "stems_root": stems_root},
            **{"carry_out_micro": 0 if ticks else terms["pool_micro"], "statements": len(self.payees)},
        }
        self._pool = self._whole()
        lots = [sha256(f"{terms['period']}\0{payee}\0".encode()).digest() for payee in self.payees]
        weights = [self._weights.get(payee, 0) for payee in self.payees]
        amounts = divide(terms["pool_micro"], weights, lots) if ticks else [0] * len(weights)
        self.amounts = dict(zip(self.payees, amounts, strict=True))
        self.credits: dict[str, tuple[int, int]] = {}
        self.closing["statements_root"] = root_of_sized((1, value) for value in self._hashes())

    def _hashes(self) -> Iterator[bytes]:
        """Of each core; on the way, what the closing gives to whom is noted."""
        for payee in self.payees:
            core = self.core(payee)
            self.credits[payee] = core["amount_micro"], core["frozen_late_micro"]
            yield leaf_hash(core_bytes(core))

    def core(self, payee: str) -> dict[str, Any]:
        """The core of a payee's statement."""
        shares = Shares({}, {})
        sql = "SELECT stem, rights, ppm FROM share WHERE payee = ? ORDER BY stem, rights"
        for stem, rights, ppm in self._database.execute(sql, (payee,)).fetchall():
            shares.ppm[stem, rights] = ppm
            shares.texts[stem] = self._readings.rights.stems[stem].texts
        rows = (self.row(stem) for stem in shares.texts)
        core = build_core(payee, self.closing, rows, shares, self._pool, lambda _weight: self.amounts[payee])
        return core | {"balance": self._books.balance(payee, core["amount_micro"], core["frozen_late_micro"])}

    @property
    def daily(self) -> Daily:
        """On which days and at which sites it was played."""
        return self._readings.daily

    def row(self, stem: bytes) -> dict[str, Any]:
        """A stem's row."""
        found = self._database.execute("SELECT data FROM row WHERE stem = ?", (stem,)).fetchone()
        if found is None:
            raise Difference("stem rows", "one of a stem that sounded", stem)
        return record("row", found[0], STEM_ROW)

    def index_of(self, stem: bytes) -> int:
        """Where a stem's row stands."""
        found = self._database.execute("SELECT number FROM place WHERE stem = ?", (stem,)).fetchone()
        return int(found[0])

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _device_rows(self) -> tuple[bytes, int]:
        """(root, count) of the device rows."""
        tree = SumTree()
        played = groupby(self._readings.sums.by_device(), key=lambda item: item[0].device)
        device, cells = next(played, (b"", iter(())))
        for owner, runs in sorted(self._readings.sequences.items()):
            inner = SumTree()
            if device == owner:
                for cell, ticks in self._cells(cells):
                    inner.add(cell, ticks)
                device, cells = next(played, (b"", iter(())))
            root, ticks = inner.root()
            row = {1: owner, 2: runs.pairs(), 3: ticks.to_bytes(SUM_BYTES, "big"), 4: inner.count, 5: root}
            tree.add(cbor2.dumps(row, canonical=True), ticks)
        return tree.root()[0], tree.count

    def _stem_rows(self) -> None:
        """Put aside the row of each stem, and who has which share of what."""
        self._database.execute("BEGIN")
        for stem, played in groupby(self._readings.sums.by_stem(), key=lambda item: item[0].stem):
            inner = SumTree()
            parts: dict[tuple[int, ...], Amount] = {}
            for cell, ticks in self._cells(_added(parts, played)):
                inner.add(cell, ticks)
            splits = self._readings.rights.splits(stem, min(parts)[0])
            lead = min(splits, key=lambda share: (-share[1], share[0]))[0]
            root, ticks = inner.root()
            total = ticks.to_bytes(SUM_BYTES, "big")
            row = {1: stem, 2: lead, 3: total, 4: [_part(*item) for item in sorted(parts.items())]}
            data = cbor2.dumps(row | {5: inner.count, 6: root}, canonical=True)
            self._database.execute("INSERT INTO row VALUES (?, ?, ?, ?)", (lead, stem, data, total))
            self._share(stem, parts)
        self._database.execute("COMMIT")
        self._database.execute("CREATE INDEX row_of_stem ON row (stem)")

    def _share(self, stem: bytes, parts: dict[tuple[int, ...], Amount]) -> None:
        earning: Counter[int] = Counter({kind[0]: 0 for kind in parts})
        for kind, amount in parts.items():
            if kind[1] < EARNING:
                earning[kind[0]] += amount.frames * (self._hz // kind[4])
            else:
                self._unpaid_ms[kind[1]] += amount.frames * (self._hz // kind[4])
        for rights, ticks in earning.items():
            for payee, ppm in self._readings.rights.splits(stem, rights):
                if ppm:
                    self._weights[payee] = self._weights.get(payee, 0) + ticks * ppm
                    self._database.execute("INSERT INTO share VALUES (?, ?, ?, ?)", (payee, stem, rights, ppm))

    def _cells(self, played: Iterable[Played]) -> Iterator[tuple[bytes, int]]:
        """(bytes, ticks) of each cell, of play in order of cells."""
        for (stem, device), items in groupby(played, key=lambda item: (item[0].stem, item[0].device)):
            parts = [(kind, amount) for kind, amount in items]
            ticks = sum(amount.frames * (self._hz // kind.rate_hz) for kind, amount in parts if kind.standing < EARNING)
            body = [_part(tuple(kind[2:]), amount) for kind, amount in parts]
            cell = {1: stem, 2: device, 3: ticks.to_bytes(SUM_BYTES, "big"), 4: body}
            yield cbor2.dumps(cell, canonical=True), ticks

    def _whole(self) -> dict[str, Any]:
        counts = {name: self._readings.counts[name.removeprefix("segments_")] for name in COUNTS}
        unpaid = {
            name: fraction(Fraction(1000 * self._unpaid_ms[standing], self._hz))
            for standing, name in enumerate(STANDINGS)
            if standing >= EARNING
        }
        return build_pool(self.closing, counts, unpaid)


def _added(parts: dict[tuple[int, ...], Amount], played: Iterable[Played]) -> Iterator[Played]:
    """The same play; what passes is added to `parts`, by kind."""
    for kind, amount in played:
        key = tuple(kind[2:])
        parts[key] = amount if key not in parts else together(parts[key], amount)
        yield kind, amount


def _part(kind: tuple[int, ...], amount: Amount) -> dict[int, int]:
    """As rows have it."""
    values = (*kind, *amount)
    return {number: value for number, value in enumerate(values, 1) if value is not None}
