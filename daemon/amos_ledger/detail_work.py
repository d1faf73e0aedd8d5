"""Play of a period by day and by site, added up for the details of statements while its segments are read.

As `readings_work`, it is kept in a private temporary database, so that memory does not grow with the period.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from amos.protocol.cose import parse_typed
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_ledger.settlement.detail import Of, Play
from amos_ledger.settlement.judging import DayPlay
from amos_ledger.store.store import Store

KEYS_IN_MEMORY = 16_000
_COLUMNS = "stem, rights, standing, rate_hz, place"
_TABLE = f"CREATE TABLE {{}} ({_COLUMNS}, frames, PRIMARY KEY ({_COLUMNS})) WITHOUT ROWID"
_ADD = "INSERT INTO {} VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET frames = frames + excluded.frames"
_OF = "SELECT place, rate_hz, frames FROM {} WHERE stem = ? AND rights = ? AND standing = ?"
_DAYS, _SITES = "of_day", "of_site"


class DailySums:
    """Play by line and day, and by line and site; see `settlement.metered_result.ByDay`."""

    def __init__(self, store: Store) -> None:
        self._store, self._sites = store, Sites(store)
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._fresh: dict[str, Counter[tuple[bytes, int, int, int, int | str]]] = {_DAYS: Counter(), _SITES: Counter()}
        for name in self._fresh:
            self._connection.execute(_TABLE.format(name))

    def __enter__(self) -> "DailySums":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def begin(self) -> None:
        """Forget what there is."""
        self._sites = Sites(self._store)
        for name, fresh in self._fresh.items():
            self._connection.execute(f"DELETE FROM {name}")
            fresh.clear()

    def add(self, index: int, usage: Usage, play: Iterable[DayPlay]) -> None:
        """What sounded in the segment at that leaf."""
        of_days, of_sites = self._fresh[_DAYS], self._fresh[_SITES]
        site, rate_hz = self._sites.of(usage.device_id, index), usage.rate_hz
        for stem_id, rights, standing, day, frames in play:
            of_days[stem_id, rights, standing, rate_hz, day] += frames
            of_sites[stem_id, rights, standing, rate_hz, site] += frames
        if len(of_days) + len(of_sites) >= KEYS_IN_MEMORY:
            self._flush()

    def play(self, of: Of, ticks_hz: int) -> Play:
        """What there is of that line, in ticks."""
        self._flush()
        return Play(self._ticks(_DAYS, of, ticks_hz), self._ticks(_SITES, of, ticks_hz))

    def _ticks(self, name: str, of: Of, ticks_hz: int) -> dict[Any, int]:
        found: dict[Any, int] = {}
        for place, rate_hz, frames in self._connection.execute(_OF.format(name), of):
            found[place] = found.get(place, 0) + frames * (ticks_hz // rate_hz)
        return found

    def _flush(self) -> None:
        for name, fresh in self._fresh.items():
            if fresh:
                self._connection.execute("BEGIN")
                self._connection.executemany(_ADD.format(name), sorted((*key, frames) for key, frames in fresh.items()))
                self._connection.execute("COMMIT")
                fresh.clear()


class Sites:
    """Where each device was enrolled when a segment of it came."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._present: dict[bytes, tuple[int, str]] = {}
        self._all: dict[bytes, list[tuple[int, str]]] | None = None

    def of(self, device_id: bytes, leaf_index: int) -> str:
        """By the last enrolment in front of that leaf."""
        if device_id not in self._present:  # also of one that is enrolled while segments are read
            self._present = self._store.period_usage.sites()
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
