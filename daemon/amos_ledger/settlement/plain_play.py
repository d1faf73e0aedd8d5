"""Segments about which nothing is odd, judged and added up by the thousand: what `judging` does one by one. Pure.

Nearly every segment is dated by its player, and its stems are neither withdrawn nor past a lease. Then pack, splits in
force and stem say how a row counts, so its frames are added to a cell, a place in an array. What is odd in any way is
left to `judging`, and the tests hold both against each other.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from amos.protocol.manifest import Manifest
from amos.protocol.readings import PAID
from amos.protocol.record import UNIX_S_MAX
from amos.protocol.segment import CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED, FLAG_BEGIN
from amos_ledger.settlement.judging import DAY_S, ByDay, Settled
from amos_ledger.settlement.pack_tables import PackTables
from amos_ledger.settlement.played import Amounts, Sums
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.segment_columns import NEVER, Chosen, Octets, SegmentColumns, Whole, columns_of
from amos_ledger.settlement.standing import OptOutHistory

CELLS = 1 << 18
"""Eight megabytes. A day of a thousand players finds room before their sums are given away."""

CELLS_AT_A_TIME = 1 << 15
"""Given away together."""

LONGEST_S = 1 << 31
"""More than any segment lasts: 1,200 rows of 32 bits, and 8,000 frames a second."""

MS_MAX = 1 << 62
"""Beyond it, instants might not add up within 63 bits."""

_LATER = (1 << 63) - 1
"""Than any frame."""

_GROUP = ("table", "size", "accrual", "tier", "rate_hz", "day", "site")
"""Integers that rows have in common which are added up by stem together, beside their device: `table` is where the
stems of their pack begin in the tables."""

Accruals = Callable[[Whole, Whole], Whole]
"""(leaf indexes, seconds in which they began) → the numbers of the reasons for which such segments accrue."""


class _Rows(NamedTuple):
    """Rows by column, all together; those of each segment end at `ends`. `begin` and `end` count frames from 1970 on at
    the segment's rate."""

    ends: Whole
    frames: Whole
    begin: Whole
    end: Whole

    def segments(self, chosen: Chosen) -> Whole:
        """Of which segments these rows are."""
        return np.searchsorted(self.ends, np.flatnonzero(chosen), side="right")


class _Pieces(NamedTuple):
    """Rows of one segment on one day under the same splits lie together: where they begin, and one end; the segment's
    device; and the integers of `_GROUP`."""

    bounds: Whole
    device_ids: Octets
    said: Whole


class PlainPlay:
    """Takes segments of a period in batches, and gives what they played to `sums` and `by_day`.

    accruals   how many segments accrue for each reason, by its number
    rates_hz   of all that sounded
    """

    def __init__(
        self,
        rights: RightsHistory,
        opt_outs: OptOutHistory,
        manifest_of: Callable[[bytes], Manifest | None],
        accruals_of: Accruals,
        sums: Sums,
        by_day: ByDay | None,
    ) -> None:
        self._instants = np.array(rights.instants, np.int64)
        self._tables = PackTables(rights, opt_outs, manifest_of)
        self._accruals_of, self._sums, self._by_day = accruals_of, sums, by_day
        self._bases: dict[bytes, int] = {}
        self._groups: list[tuple[int, ...]] = []
        self._manners: dict[tuple[int, int, int], int] = {}
        self._used = 0
        self._frames, self._plays, self._end = (np.zeros(CELLS, np.int64) for _ in range(3))
        self._begin = np.full(CELLS, _LATER)
        self.accruals: Counter[int] = Counter()
        self.rates_hz: set[int] = set()

    def take(self, segments: Sequence[Settled]) -> list[Settled]:
        """Add these segments up, but for those that are returned, which are to be judged one by one."""
        if self._tables.full:
            self.give()
            self._tables.clear()
        plain = [segment for segment in segments if not segment.flags]
        while plain:
            columns = columns_of([segment.entry for segment in plain])
            fine = self._taken(plain, columns)
            if len(fine) == len(plain) and fine.all():
                break
            plain = [plain[at] for at in columns.at[fine].tolist()]
        if len(plain) == len(segments):
            return []
        taken = {segment.index for segment in plain}
        return [segment for segment in segments if segment.index not in taken]

    def _taken(self, segments: Sequence[Settled], columns: SegmentColumns) -> Chosen:
        """Which of the segments of these columns are plain, of which the columns are all; if all are, they are added
        up."""
        packs, rate_hz, began_s = self._tables.packs(columns.pack), columns.rate_hz, _began_s(columns)
        fine: Chosen = (began_s >= 0) & (rate_hz == packs.rate_hz)
        if len(columns.at) < len(segments) or not fine.all():
            return fine
        rows, some = _rows(columns, began_s), np.flatnonzero(columns.counts)
        fine[some] = rows.begin[rows.ends[some] - 1] // rate_hz[some] < packs.over_s[some]
        if len(some) and not columns.frames.min():
            fine[rows.segments(columns.frames == 0)] = False
        if len(some) and int(columns.stems.max()) >= packs.sizes.min():
            fine[rows.segments(columns.stems >= packs.sizes.repeat(columns.counts))] = False
        if not fine.all():
            return fine
        starts = self._starts(rows, rate_hz, some)
        which = np.searchsorted(rows.ends, starts, side="right")
        begun_s = rows.begin[starts] // rate_hz[which]
        tables = self._tables.tables(packs.numbers[which], self._epochs(begun_s))
        bounds = np.append(starts, len(rows.end))
        if self._tables.odd_any(tables):
            fine[rows.segments(self._tables.odd[tables.repeat(np.diff(bounds)) + columns.stems])] = False
            if not fine.all():
                return fine
        indexes = np.fromiter((segment.index for segment in segments), np.int64, len(segments))
        accruals = self._accruals_of(indexes, began_s)
        of_segments = np.stack((packs.sizes, accruals, columns.tier, rate_hz))[:, which]
        sites = self._sites(columns.device_id, indexes)[which]
        said = np.vstack((tables, of_segments, self._days(begun_s), sites)).T
        self._add(columns, rows, _Pieces(bounds, columns.device_id[which], np.ascontiguousarray(said)))
        self.accruals.update(dict(enumerate(np.bincount(accruals).tolist())))
        return fine

    def _epochs(self, unix_s: Whole) -> Whole:
        return np.searchsorted(self._instants, unix_s, side="right")

    def _days(self, unix_s: Whole) -> Whole:
        return unix_s // DAY_S if self._by_day is not None else np.zeros(len(unix_s), np.int64)

    def _sites(self, device_ids: Octets, indexes: Whole) -> Whole:
        if self._by_day is None:
            return np.zeros(len(indexes), np.int64)
        data, site = device_ids.tobytes(), self._by_day.site
        found = (site(data[16 * at : 16 * at + 16], index) for at, index in enumerate(indexes.tolist()))
        return np.fromiter(found, np.int64, len(indexes))

    def _starts(self, rows: _Rows, rate_hz: Whole, some: Whole) -> Whole:
        """Where pieces begin. Rows begin in order, so a segment has several only if its last row is of another day or
        epoch than its first."""
        firsts, lasts = (rows.ends - np.diff(rows.ends, prepend=0))[some], rows.ends[some] - 1
        first_s, last_s = (rows.begin[at] // rate_hz[some] for at in (firsts, lasts))
        cut = (self._days(first_s) != self._days(last_s)) | (self._epochs(first_s) != self._epochs(last_s))
        found = [firsts]
        for at in np.flatnonzero(cut).tolist():
            begun_s = rows.begin[firsts[at] : lasts[at] + 1] // rate_hz[some[at]]
            differ = (np.diff(self._days(begun_s)) != 0) | (np.diff(self._epochs(begun_s)) != 0)
            found.append(firsts[at] + 1 + np.flatnonzero(differ))
        return np.sort(np.concatenate(found))

    def _add(self, columns: SegmentColumns, rows: _Rows, pieces: _Pieces) -> None:
        """Add the rows to their cells, in as many steps as there is room for."""
        bounds, plays = pieces.bounds, (columns.flags & FLAG_BEGIN).astype(np.int64)
        keys = np.concatenate((pieces.device_ids, pieces.said.view(np.uint8)), axis=1)
        # A text of NumPy ends before its last zeros; of texts of one length no two become the same by that.
        texts: list[bytes] = keys.view(f"S{keys.shape[1]}").ravel().tolist()
        at = 0
        while at < len(texts):
            bases = self._bases_of(texts[at:], pieces, at)
            steps = bounds[at : at + len(bases) + 1]
            part = slice(steps[0], steps[-1])
            cells = np.array(bases, np.int64).repeat(np.diff(steps)) + columns.stems[part]
            np.add.at(self._frames, cells, rows.frames[part])
            np.add.at(self._plays, cells, plays[part])
            np.minimum.at(self._begin, cells, rows.begin[part])
            np.maximum.at(self._end, cells, rows.end[part])
            at += len(bases)
            if at < len(texts):
                self.give()

    def _bases_of(self, texts: list[bytes], pieces: _Pieces, first: int) -> list[int]:
        """The first cell of the group of each piece, from that one on; of as many as there is room for."""
        found = [*map(self._bases.get, texts)]
        bases: list[int] = [base for base in found if base is not None]
        if len(bases) == len(texts):  # as in most batches, when the players were met before
            return bases
        bases = []
        for at, text in enumerate(texts, first):
            base = self._bases.get(text)
            if base is None:
                size = int(pieces.said[at, 1])
                if self._used + size > CELLS:
                    break
                base = self._bases[text] = self._used
                self._groups.append(self._group(pieces.device_ids[at].tobytes(), pieces.said[at]))
                self._used += size
            bases.append(base)
        return bases

    def give(self) -> None:
        """Give away what was added up."""
        cells = np.flatnonzero(self._frames[: self._used])
        groups, bases = np.array(self._groups, np.int64), np.fromiter(self._bases.values(), np.int64, len(self._bases))
        of_cells = np.arange(len(bases)).repeat(np.diff(bases, append=self._used))
        for first in range(0, len(cells), CELLS_AT_A_TIME):
            part = cells[first : first + CELLS_AT_A_TIME]
            self._give(part, part - bases[of_cells[part]], groups[of_cells[part]])
        for column, blank in ((self._frames, 0), (self._plays, 0), (self._end, 0), (self._begin, _LATER)):
            column[: self._used] = blank
        self._bases, self._groups, self._used = {}, [], 0

    def _give(self, cells: Whole, stems: Whole, groups: Whole) -> None:
        """`groups`: that of each cell, as `_group` says."""
        tables, devices, of_manners, rates_hz, days, sites = groups.T
        places, serials, manners = tables + stems, self._tables.serials, [*self._manners]
        kinds = self._tables.rights[places] * len(manners) + of_manners
        played, of_day = (np.zeros(len(serials) * len(manners), np.int64) for _ in range(2))
        for kind in np.flatnonzero(np.bincount(kinds)).tolist():
            serial, (accrual, tier, rate_hz) = serials[kind // len(manners)], manners[kind % len(manners)]
            played[kind] = self._sums.kind((serial, PAID, accrual, tier, rate_hz))
            of_day[kind] = 0 if self._by_day is None else self._by_day.kind((serial, PAID, rate_hz))
        numbers = self._tables.stems[places]
        seconds = (column[cells] // rates_hz for column in (self._begin, self._end))
        amounts = Amounts(self._frames[cells], self._plays[cells], *seconds)
        self._sums.add_cells(numbers, devices, played[kinds], amounts)
        if self._by_day is not None:
            self._by_day.add_cells(numbers, of_day[kinds], days, sites, amounts.frames)

    def _group(self, device_id: bytes, said: Whole) -> tuple[int, ...]:
        """(where the stems of its pack begin in the tables, number of the device, number of (accrual, tier, rate),
        rate, day, site) of a group."""
        table, _size, accrual, tier, rate_hz, day, site = said.tolist()
        self.rates_hz.add(rate_hz)
        manner = self._manners.setdefault((accrual, tier, rate_hz), len(self._manners))
        return table, self._sums.device(device_id), manner, rate_hz, day, site


def _began_s(columns: SegmentColumns) -> Whole:
    """As `periods.played_unix_s`; -1 where that is none, or is such that the rows might be beyond what can be said."""
    dated = (columns.clock == CLOCK_INFORMATIVE) | (columns.clock == CLOCK_SYNCHRONISED)
    dated &= (columns.anchor_unix_ms != NEVER) & (columns.anchor_ms != NEVER)
    dated &= (columns.start_ms < MS_MAX) & (columns.anchor_ms < MS_MAX)
    began_s = (columns.anchor_unix_ms + columns.start_ms - columns.anchor_ms) // 1000
    return np.where(dated & (began_s >= 0) & (began_s < UNIX_S_MAX - LONGEST_S), began_s, -1)


def _rows(columns: SegmentColumns, began_s: Whole) -> _Rows:
    ends = columns.counts.cumsum()
    begin = columns.starts.cumsum(dtype=np.int64)
    before = np.concatenate(([0], begin))[ends - columns.counts]
    begin += (began_s * columns.rate_hz - before).repeat(columns.counts)
    frames = columns.frames.astype(np.int64)
    return _Rows(ends, frames, begin, begin + frames)
