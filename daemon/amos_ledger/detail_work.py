"""Play of a period by day and by site, added up for the details of statements while its segments are read.

As in `readings_work`, what is added up is on disk when there is much of it, so that memory does not grow with the
period.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from types import TracebackType

import numpy as np
import numpy.typing as npt

from amos.protocol.cose import parse_typed
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.detail import UNDATED, Of, Play
from amos_ledger.settlement.judging import DayPlay
from amos_ledger.sorted_runs import Rows, SortedRuns
from amos_ledger.store.store import Store

KEYS_IN_MEMORY = 4096
"""Of play that was judged one segment at a time."""

_KIND_BITS, _PLACE_BITS = 17, 22
"""131,000 kinds, and 4 million sites or days; with the stems' numbers they are a key of 63 bits."""

_STEM_AT = _KIND_BITS + _PLACE_BITS
_DAYS, _SITES = "of_day", "of_site"
_OF = "SELECT key, frames FROM {} WHERE key >= ? AND key < ? ORDER BY key"


class DailySums:
    """Play by line and day, and by line and site; see `settlement.judging.ByDay`. It is asked for line by line when all
    of it was taken, and lies in a private temporary database then. Raises `SettlementError` for more sites or kinds
    than a key can name."""

    def __init__(self, store: Store) -> None:
        self._store, self._sites = store, Sites(store)
        self._runs = {name: SortedRuns((np.add,)) for name in (_DAYS, _SITES)}
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self.begin(np.empty(0, "S16"))

    def __enter__(self) -> "DailySums":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def begin(self, stem_ids: npt.NDArray[np.bytes_]) -> None:
        """Forget what there is."""
        self._sites, self._stem_ids = Sites(self._store), stem_ids
        self._kinds: dict[tuple[int, int, int], int] = {}
        self._names: dict[str, int] = {}
        self._fresh: Counter[tuple[bytes, int, int, int]] = Counter()
        self._found = False
        for runs in self._runs.values():
            runs.clear()

    def add(self, index: int, usage: Usage, play: Iterable[DayPlay]) -> None:
        """What sounded in the segment at that leaf."""
        site = self.site(usage.device_id, index)
        for stem_id, rights, standing, day, frames in play:
            self._fresh[stem_id, self.kind((rights, standing, usage.rate_hz)), day, site] += frames
        if len(self._fresh) >= KEYS_IN_MEMORY:
            self._flush()

    def site(self, device_id: bytes, index: int) -> int:
        """See `ByDay`."""
        name = self._sites.of(device_id, index)
        found = self._names.setdefault(name, len(self._names))
        if found >> _PLACE_BITS:
            raise SettlementError(f"sites: expected at most {1 << _PLACE_BITS} in a period, found more")
        return found

    def kind(self, kind: tuple[int, int, int]) -> int:
        """See `ByDay`."""
        found = self._kinds.setdefault(kind, len(self._kinds))
        if found >> _KIND_BITS:
            raise SettlementError(f"kinds of play: expected at most {1 << _KIND_BITS} in a period, found more")
        return found

    def add_cells(self, stems: Rows, kinds: Rows, days: Rows, sites: Rows, frames: Rows) -> None:
        """See `ByDay`."""
        lines = stems << _STEM_AT | kinds << _PLACE_BITS
        self._runs[_DAYS].add(lines | days - UNDATED, frames)
        self._runs[_SITES].add(lines | sites, frames)
        self._found = False

    def play(self, of: Of, ticks_hz: int) -> Play:
        """What there is of that line, in ticks."""
        if not self._found:
            self._find()
        names = [*self._names]
        days = {place + UNDATED: ticks for place, ticks in self._ticks(_DAYS, of, ticks_hz).items()}
        return Play(days, {names[place]: ticks for place, ticks in self._ticks(_SITES, of, ticks_hz).items()})

    def _ticks(self, name: str, of: Of, ticks_hz: int) -> dict[int, int]:
        stem_id, *line = of
        stem = int(np.searchsorted(self._stem_ids, np.array(stem_id, self._stem_ids.dtype)))
        found: dict[int, int] = {}
        for (rights, standing, rate_hz), kind in self._kinds.items():
            if [rights, standing] == line:
                first = stem << _STEM_AT | kind << _PLACE_BITS
                for key, frames in self._connection.execute(_OF.format(name), (first, first + (1 << _PLACE_BITS))):
                    found[key - first] = found.get(key - first, 0) + frames * (ticks_hz // rate_hz)
        return found

    def _find(self) -> None:
        """Put what was added up where single lines of it are found."""
        self._flush()
        for name, runs in self._runs.items():
            self._connection.execute(f"DROP TABLE IF EXISTS {name}")
            self._connection.execute(f"CREATE TABLE {name} (key INTEGER PRIMARY KEY, frames INTEGER NOT NULL)")
            self._connection.execute("BEGIN")
            for block in runs.blocks():
                self._connection.executemany(f"INSERT INTO {name} VALUES (?, ?)", block.T.tolist())
            self._connection.execute("COMMIT")
        self._found = True

    def _flush(self) -> None:
        if not self._fresh:
            return
        stem_ids, *numbers = zip(*self._fresh, strict=True)
        stems = np.searchsorted(self._stem_ids, np.array(stem_ids, self._stem_ids.dtype))
        kinds, days, sites, frames = np.array([*numbers, [*self._fresh.values()]], np.int64)
        self.add_cells(stems, kinds, days, sites, frames)
        self._fresh.clear()


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
