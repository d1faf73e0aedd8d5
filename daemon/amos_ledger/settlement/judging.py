"""A segment's rows as parts of meter readings: whose each is, how it stands, why it accrues (SPEC section 12). Pure."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

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


class Judge:
    """Judges the rows of a period's segments by what the log says of rights and withdrawals."""

    def __init__(self, rights: RightsHistory, opt_outs: OptOutHistory) -> None:
        self._rights, self._opt_outs = rights, opt_outs
        self._of_pack: dict[tuple[bytes, int], Whole] = {}

    def parts(self, taken: Taken) -> dict[bytes, Played]:
        """What sounded in the segment, by packed key. Raises `SettlementError` for a stem that no catalogue has,
        `MessageError` for a row that its pack cannot have."""
        rows = self._sounding(taken)
        return _summed(taken, self._kinds(taken, rows), rows) if len(rows.stems) else {}

    def daily(self, taken: Taken) -> Iterator[tuple[bytes, int, int, int, int]]:
        """(stem, rights, standing, day since 1970 or -1 of what is not dated, frames) of what sounded, added up. A row
        belongs to the day, UTC, in which it began. Raises as `parts`."""
        rows = self._sounding(taken)
        if not len(rows.stems):
            return
        dated = rows.first_s is not None and rows.last_s is not None and _in_calendar(rows.first_s, rows.last_s)
        days = rows.first_s // DAY_S if dated and rows.first_s is not None else np.full(len(rows.stems), -1)
        kinds = np.vstack([self._kinds(taken, rows), days])
        distinct, which = _distinct(kinds)
        frames = np.zeros(distinct.shape[1], np.int64)
        np.add.at(frames, which, rows.frames)
        for (rights, standing, stem, day), total in zip(distinct.T.tolist(), frames.tolist(), strict=True):
            yield taken.manifest.stems[stem].stem_id, rights, standing, day, total

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


def _distinct(kinds: Whole) -> tuple[Whole, Whole]:
    """(the different columns, which of them each column is)."""
    alike = (kinds == kinds[:, :1]).all(axis=1)
    if alike.sum() == len(kinds) - 1:  # most segments differ in the stem alone, and one row is faster looked through
        row = int(np.flatnonzero(~alike)[0])
        _values, first, which = np.unique(kinds[row], return_index=True, return_inverse=True)
        return kinds[:, first], which.reshape(-1)
    distinct, which = np.unique(kinds, axis=1, return_inverse=True)
    return distinct, which.reshape(-1)


def _summed(taken: Taken, kinds: Whole, rows: _Rows) -> dict[bytes, Played]:
    """Rows of one kind added up; `kinds` are (rights, standing, stem's index in the pack) of each row."""
    usage, accrual = taken.usage, ACCRUALS.index(taken.accrual)
    distinct, which = _distinct(kinds)
    count = distinct.shape[1]
    frames, plays = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(frames, which, rows.frames)
    np.add.at(plays, which, rows.begins)
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
    return bool(first_s.min() >= 0 and last_s.max() <= UNIX_S_MAX)
