"""A segment's rows as parts of meter readings: whose each is, how it stands, why it accrues (SPEC section 12). Pure."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from amos.protocol.manifest import Manifest
from amos.protocol.readings import ACCRUALS, FROZEN_LATE, PAID, STANDINGS
from amos.protocol.record import UNIX_S_MAX
from amos.protocol.segment import FLAG_BEGIN, Usage
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.periods import played_unix_s
from amos_ledger.settlement.played import Key, Played
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.rollup import check_pack
from amos_ledger.settlement.standing import (
    FAR_DATED,
    OVER_TIME,
    REVOKED,
    UNDATED,
    OptOutHistory,
    reason_of,
    some_lease_ends,
)

Whole = npt.NDArray[np.int64]

DAY_S = 86_400
UNDATED_DAY = -1
PACKS_KEPT = 64
"""Whose stems' rights are remembered: packs that are played at one time, between two catalogues."""


@dataclass(frozen=True)
class Taken:
    """A settled segment, and what the ledger knew when it took it in.

    accrual        one of `ACCRUALS`
    received_s     Unix seconds; None in front of the log's first batch entry
    undated_s      the moment of what nobody can date: the reception, or that of the first batch entry
    revoked        a revocation of the device's key stands before it in the log
    """

    usage: Usage
    manifest: Manifest
    flags: AbstractSet[str]
    accrual: str
    received_s: int | None
    undated_s: int
    revoked: bool


class DayPlay(NamedTuple):
    """Frames of a stem under the same splits and in the same standing, on a day since 1970, or `UNDATED_DAY`."""

    stem_id: bytes
    rights: int
    standing: int
    day: int
    frames: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A segment that accrues to the period: where it stands in the log, its bytes, what is odd about it, and when it
    was received; None in front of the log's first batch entry."""

    index: int
    entry: bytes
    flags: AbstractSet[str]
    received_s: int | None


class ByDay(Protocol):
    """Takes what sounded by day and by site, while a period is worked out."""

    def begin(self, stem_ids: npt.NDArray[np.bytes_]) -> None:
        """Of a period of which nothing was taken, or whose segments are taken from the first one again; `stem_ids` are
        all that can sound, in order."""
        ...

    def add(self, index: int, usage: Usage, play: Iterable[DayPlay]) -> None:
        """What sounded in the segment at that leaf."""
        ...

    def site(self, device_id: bytes, index: int) -> int:
        """The number of the site from which the device's segment at that leaf is."""
        ...

    def kind(self, kind: tuple[int, int, int]) -> int:
        """The number of (rights, standing, rate in Hz)."""
        ...

    def add_cells(self, stems: Whole, kinds: Whole, days: Whole, sites: Whole, frames: Whole) -> None:
        """What sounded of the stems with these numbers, of these kinds and days, and at these sites."""
        ...


class Judge:
    """Judges the rows of a period's segments by what the log says of rights and withdrawals."""

    def __init__(self, rights: RightsHistory, opt_outs: OptOutHistory) -> None:
        self._rights, self._opt_outs = rights, opt_outs
        self._of_pack: dict[tuple[bytes, int], Whole] = {}

    def judged(self, taken: Taken) -> "Judged":
        """The segment's rows. Raises `SettlementError` for a stem that no catalogue has, `MessageError` for a row that
        its pack cannot have."""
        rows = self._sounding(taken)
        return Judged(taken, rows, self._kinds(taken, rows) if len(rows.stems) else np.empty((3, 0), np.int64))

    def _sounding(self, taken: Taken) -> "_Rows":
        check_pack(taken.usage, taken.manifest)
        return _sounding(taken.usage, None if FAR_DATED in taken.flags else played_unix_s(taken.usage))

    def _kinds(self, taken: Taken, rows: "_Rows") -> Whole:
        """(rights, standing, stem's index in the pack) of each row."""
        manifest = taken.manifest
        rights = self._rights_of_rows(taken, rows)
        if (rights < 0).any():
            stem = manifest.stems[int(rows.stems[rights < 0][0])]
            raise SettlementError(f"stem {stem.stem_id.hex()}: expected its splits in a catalogue, found none")
        return np.stack([rights, self._standings(taken, rows), rows.stems])

    def _standings(self, taken: Taken, rows: "_Rows") -> Whole:
        """Of each row, the number of its standing."""
        if OVER_TIME in taken.flags:
            return np.full(len(rows.stems), STANDINGS.index(OVER_TIME))
        if taken.revoked and taken.flags & {UNDATED, FAR_DATED}:
            return np.full(len(rows.stems), STANDINGS.index(REVOKED))
        manifest = taken.manifest
        named = self._opt_outs.named(taken.usage.pack, manifest)
        result = np.full(len(rows.stems), PAID)
        if taken.received_s is not None and named:
            gone = [stem for stem in named if self._gone(manifest, stem, taken.received_s)]
            result[np.isin(rows.stems, gone)] = FROZEN_LATE
        if rows.first_s is None:
            return result
        asked = np.isin(rows.stems, list(named))
        if some_lease_ends(manifest, int(rows.first_s.max())):
            asked[:] = True
        for row in np.flatnonzero(asked).tolist():
            reason = reason_of(manifest, self._opt_outs, int(rows.stems[row]), int(rows.first_s[row]))
            if reason is not None:
                result[row] = STANDINGS.index(reason)
        return result

    def _gone(self, manifest: Manifest, stem: int, unix_s: int) -> bool:
        return self._opt_outs.withdrawn(manifest.stems[stem].stem_id, unix_s)

    def _rights_of_rows(self, taken: Taken, rows: "_Rows") -> Whole:
        """The serial that decides each row's splits, -1 for a stem that no catalogue has."""
        if rows.first_s is None or not self._rights.instants:
            return self._rights_of_pack(taken, self._rights.epoch(taken.undated_s))[rows.stems]
        epochs = np.searchsorted(self._rights.instants, rows.first_s, side="right")
        result = np.zeros(len(epochs), np.int64)
        for epoch in np.unique(epochs).tolist():
            chosen = epochs == epoch
            result[chosen] = self._rights_of_pack(taken, epoch)[rows.stems[chosen]]
        return result

    def _rights_of_pack(self, taken: Taken, epoch: int) -> Whole:
        """By index of the pack's stems; -1 where no catalogue has the stem."""
        key = taken.usage.pack, epoch
        found = self._of_pack.get(key)
        if found is None:
            if len(self._of_pack) >= PACKS_KEPT:
                self._of_pack.clear()
            found = self._rights.rights_in([stem.stem_id for stem in taken.manifest.stems], epoch)
            self._of_pack[key] = found
        return found


class _Rows(NamedTuple):
    """Rows of a segment, by column: index of the stem in the pack, frames, whether a placement began, and the seconds
    in which the row began and ended, None of a clock that is not believed."""

    stems: Whole
    frames: Whole
    begins: npt.NDArray[np.bool_]
    first_s: Whole | None
    last_s: Whole | None


def _sounding(usage: Usage, played_s: int | None) -> _Rows:
    """The rows that have frames."""
    stems = np.frombuffer(usage.stems, dtype=np.uint16).astype(np.int64)
    frames = np.frombuffer(usage.frames, dtype=np.uint32).astype(np.int64)
    begins = (np.frombuffer(usage.flags, dtype=np.uint8) & FLAG_BEGIN) > 0
    some = frames > 0
    if played_s is None:
        return _Rows(stems[some], frames[some], begins[some], None, None)
    offsets = np.cumsum(np.frombuffer(usage.starts, dtype=np.uint32).astype(np.int64))
    first_s, last_s = (played_s + frame // usage.rate_hz for frame in (offsets, offsets + frames))
    return _Rows(stems[some], frames[some], begins[some], first_s[some], last_s[some])


class Judged:
    """What sounded in a segment, added up by kind: (rights, standing, stem's index in the pack)."""

    def __init__(self, taken: Taken, rows: _Rows, kinds: Whole) -> None:
        """`kinds`: of each row."""
        self._taken, self._rows, self._kinds = taken, rows, kinds
        self._distinct, self._which = _distinct(kinds) if kinds.shape[1] else (kinds, np.empty(0, np.int64))
        self._frames = _added(rows.frames, self._which, self._distinct)

    def parts(self) -> dict[bytes, Played]:
        """What sounded, by packed key."""
        return _summed(self._taken, self._distinct, self._which, self._frames, self._rows)

    def daily(self) -> Iterator[DayPlay]:
        """What sounded by day. A row belongs to the day, UTC, in which it began."""
        rows = self._rows
        if not len(rows.stems):
            return
        dated = rows.first_s is not None and rows.last_s is not None and _in_calendar(rows.first_s, rows.last_s)
        days = rows.first_s // DAY_S if dated and rows.first_s is not None else np.full(1, UNDATED_DAY)
        if days.min() == days.max():  # as of most segments
            distinct, frames = self._distinct, self._frames
            of_kinds = np.full(distinct.shape[1], days[0])
        else:
            kinds, which = _distinct(np.vstack([self._kinds, days]))
            distinct, of_kinds, frames = kinds[:3], kinds[3], _added(rows.frames, which, kinds)
        stems = self._taken.manifest.stems
        for (rights, standing, stem), day, total in zip(
            distinct.T.tolist(), of_kinds.tolist(), frames.tolist(), strict=True
        ):
            yield DayPlay(stems[stem].stem_id, rights, standing, day, total)


def _added(values: Whole, which: Whole, distinct: Whole) -> Whole:
    """Values of one kind added up."""
    found = np.zeros(distinct.shape[1], np.int64)
    np.add.at(found, which, values)
    return found


def _distinct(kinds: Whole) -> tuple[Whole, Whole]:
    """(the different columns, which of them each column is)."""
    alike = (kinds == kinds[:, :1]).all(axis=1)
    if alike.sum() == len(kinds) - 1:  # most segments differ in the stem alone, and one row is faster looked through
        row = int(np.flatnonzero(~alike)[0])
        _values, first, which = np.unique(kinds[row], return_index=True, return_inverse=True)
        return kinds[:, first], which.reshape(-1)
    distinct, which = np.unique(kinds, axis=1, return_inverse=True)
    return distinct, which.reshape(-1)


def _summed(taken: Taken, distinct: Whole, which: Whole, frames: Whole, rows: _Rows) -> dict[bytes, Played]:
    """The kinds of which there are rows, by packed key; `frames` are those of each kind."""
    usage, accrual, count = taken.usage, ACCRUALS.index(taken.accrual), distinct.shape[1]
    plays = _added(rows.begins.astype(np.int64), which, distinct)
    first_s, last_s = np.full(count, UNIX_S_MAX), np.full(count, -1)
    if rows.first_s is not None and rows.last_s is not None and _in_calendar(rows.first_s, rows.last_s):
        np.minimum.at(first_s, which, rows.first_s)
        np.maximum.at(last_s, which, rows.last_s)
    result: dict[bytes, Played] = {}
    columns = (distinct.T.tolist(), frames.tolist(), plays.tolist(), first_s.tolist(), last_s.tolist())
    for (rights, standing, stem), total, begun, first, last in zip(*columns, strict=True):
        stem_id = taken.manifest.stems[stem].stem_id
        key = Key(stem_id, usage.device_id, rights, standing, accrual, usage.tier, usage.rate_hz).packed()
        dated = last >= 0
        played = Played(total, begun, first if dated else None, last if dated else None)
        # Two indexes of a pack may carry one stem, so they are added.
        result[key] = result[key].and_(played) if key in result else played
    return result


def _in_calendar(first_s: Whole, last_s: Whole) -> bool:
    """Whether all of it is in the years 1970 to 9999, which parts can say."""
    return bool(first_s.min(initial=0) >= 0 and last_s.max(initial=0) <= UNIX_S_MAX)
