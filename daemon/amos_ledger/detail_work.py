"""Play of a period by day and by site, read once more from its segments for the details of statements.

As `readings_work`, it is kept in a private temporary database, so that memory does not grow with the period.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from types import TracebackType

from amos.protocol.cose import parse_typed
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.detail import Of, Play
from amos_ledger.settlement.judging import Judge, Taken
from amos_ledger.settlement.metered_result import Settled
from amos_ledger.settlement.rights import RightsHistory, said_in
from amos_ledger.settlement.standing import OptOutHistory, decode_opt_outs
from amos_ledger.store.store import Store

KEYS_IN_MEMORY = 40_000
_TABLE = (
    "CREATE TABLE {} (stem, rights, standing, place, ticks, PRIMARY KEY (stem, rights, standing, place)) WITHOUT ROWID"
)
_ADD = "INSERT INTO {} VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ticks = ticks + excluded.ticks"
_OF = "SELECT place, ticks FROM {} WHERE stem = ? AND rights = ? AND standing = ?"
_DAYS, _SITES = "of_day", "of_site"


class DailySums:
    """Ticks by line and day, and by line and site."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._fresh: dict[str, Counter[tuple[bytes, int, int, int | str]]] = {_DAYS: Counter(), _SITES: Counter()}
        for name in self._fresh:
            self._connection.execute(_TABLE.format(name))

    def __enter__(self) -> "DailySums":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def add(self, of: Of, day: int, site: str, ticks: int) -> None:
        """More play of that line."""
        self._fresh[_DAYS][*of, day] += ticks
        self._fresh[_SITES][*of, site] += ticks
        if len(self._fresh[_DAYS]) + len(self._fresh[_SITES]) >= KEYS_IN_MEMORY:
            self._flush()

    def play(self, of: Of) -> Play:
        """What there is of that line."""
        self._flush()
        days, sites = (self._connection.execute(_OF.format(name), of).fetchall() for name in (_DAYS, _SITES))
        return Play(dict(days), dict(sites))

    def _flush(self) -> None:
        for name, fresh in self._fresh.items():
            if fresh:
                self._connection.execute("BEGIN")
                self._connection.executemany(_ADD.format(name), sorted((*key, ticks) for key, ticks in fresh.items()))
                self._connection.execute("COMMIT")
                fresh.clear()


def daily_play(store: Store, segments: Iterable[Settled], closing: int, ticks_hz: int, sums: DailySums) -> None:
    """Add up these segments, which the closing at that leaf settled. Raises `SettlementError` as the closing did."""
    catalogues = store.documents.catalogues(closing)
    rights = RightsHistory((since_s, said_in(data), data) for since_s, data in catalogues)
    judge = Judge(rights, OptOutHistory(map(decode_opt_outs, store.opt_out_lists(closing))))
    first_batch, revoked, sites = store.period_usage.first_batch(), store.revocations(), Sites(store)
    first_batch_s = 0 if first_batch is None else first_batch[1]
    for item in segments:
        usage = item.usage
        manifest = store.manifest(usage.pack)
        if manifest is None:
            raise SettlementError(f"entry {item.index}: expected the manifest of its pack, found none")
        taken = Taken(
            usage=usage,
            manifest=manifest,
            flags=item.flags,
            accrual="",  # no day and no site depends on it
            received_s=item.received_s,
            undated_s=first_batch_s if item.received_s is None else item.received_s,
            revoked=item.index > revoked.get(usage.device_id, item.index),
        )
        site, ticks_a_frame = sites.of(usage.device_id, item.index), ticks_hz // usage.rate_hz
        for stem_id, serial, standing, day, frames in judge.daily(taken):
            sums.add((stem_id, serial, standing), day, site, frames * ticks_a_frame)


class Sites:
    """Where each device was enrolled when a segment of it came."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._present = store.period_usage.sites()
        self._all: dict[bytes, list[tuple[int, str]]] | None = None

    def of(self, device_id: bytes, leaf_index: int) -> str:
        """By the last enrolment in front of that leaf."""
        since, site = self._present[device_id]
        if since < leaf_index:
            return site
        if self._all is None:  # somebody was enrolled anew, which is seldom
            self._all = {}
            for index, enrolment in _enrolments(self._store):
                self._all.setdefault(enrolment.device_id, []).append((index, enrolment.site))
        return [site for index, site in self._all[device_id] if index < leaf_index][-1]


def _enrolments(store: Store) -> Iterator[tuple[int, Enrolment]]:
    for index in store.period_usage.others():
        entry = store.log.entry(index)
        try:
            yield index, Enrolment.decode(parse_typed(entry, TYP_ENROLMENT, ENROLMENT_BYTES_MAX).payload)
        except ProtocolError:
            continue  # another kind of entry; what was verified when it came need not be again
