"""Parts of cells or of stem rows, by column: what a period's readings are made of, thousands at a time. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import reduce

import numpy as np

from amos.protocol.readings import EARNING
from amos.protocol.record import U63, UNIX_S_MAX
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.byte_rows import Octets, Sums, Whole

NEVER = -1
"""The second of what is not dated."""

_ID = 16


@dataclass(frozen=True, slots=True)
class Parts:
    """Ids of 16 octets, and integers as in `readings.Part`; `NEVER` for a second that there is none of."""

    stems: Octets
    devices: Octets
    rights: Whole
    standing: Whole
    accrual: Whole
    tier: Whole
    rate_hz: Whole
    frames: Whole
    plays: Whole
    first_s: Whole
    last_s: Whole

    @property
    def count(self) -> int:
        """How many."""
        return len(self.rights)

    def chosen(self, which: Whole) -> "Parts":
        """Some of them, or all in another order."""
        ids = self.stems[which], self.devices[which]
        return Parts(*ids, *(column[which] for column in self.integers()))

    def integers(self) -> Iterator[Whole]:
        """The columns that are no ids, in their order."""
        return (getattr(self, name) for name in INTEGERS)

    def stems_of(self, prefix: bytes) -> Octets:
        """The stem of each, behind a prefix."""
        return _prefixed(prefix, self.stems)

    def devices_of(self, prefix: bytes) -> Octets:
        """The device of each, behind a prefix."""
        return _prefixed(prefix, self.devices)

    def ticks(self, ticks_hz: int) -> Sums:
        """Earning stem-time of each. They sum within 63 bits, or are integers of Python's."""
        return np.where(np.isin(self.standing, EARNING), self.all_ticks(ticks_hz), 0)

    def alike(self) -> "Parts":
        """As if all were under the same rights, in the same standing, and accrued for the same reason."""
        same = np.zeros(self.count, np.int64)
        return replace(self, rights=same, standing=same, accrual=same)

    def all_ticks(self, ticks_hz: int) -> Sums:
        """Stem-time of each, whether it earns or not."""
        times = ticks_hz // self.rate_hz
        most = int(self.frames.max(initial=0)) * int(times.max(initial=0)) * self.count
        return self.frames * times if most <= U63 else self.frames.astype(object) * times.astype(object)


INTEGERS = tuple(column.name for column in fields(Parts))[2:]


def added(parts: Parts, rows: Whole) -> tuple[Parts, Whole]:
    """Parts of one kind in one row added together, in order of kinds, and the row of each. `rows` ascend. Raises
    `SettlementError` for more frames than a part can say."""
    if not parts.count:
        return parts, rows
    standing, accrual, tier = (column.astype(np.int64) for column in (parts.standing, parts.accrual, parts.tier))
    small = (standing << 48) | (accrual << 40) | (tier << 32) | parts.rate_hz
    order = np.lexsort((small, parts.rights, rows))
    keys = [column[order] for column in (rows, parts.rights, small)]
    differ = reduce(np.logical_or, (np.diff(key) != 0 for key in keys))
    firsts = np.flatnonzero(np.concatenate(([True], differ)))
    if len(firsts) == parts.count:
        return parts.chosen(order), keys[0]
    if int(parts.frames.max()) * parts.count > U63 and sum(parts.frames.tolist()) > U63:
        raise SettlementError(f"frames: expected at most {U63} of all cells together")
    sorted_ = parts.chosen(order)
    never_first = np.where(sorted_.first_s == NEVER, UNIX_S_MAX + 1, sorted_.first_s)
    first_s = np.minimum.reduceat(never_first, firsts)
    whole = replace(
        sorted_.chosen(firsts),
        frames=np.add.reduceat(sorted_.frames, firsts),
        plays=np.add.reduceat(sorted_.plays, firsts),
        first_s=np.where(first_s > UNIX_S_MAX, NEVER, first_s),
        last_s=np.maximum.reduceat(sorted_.last_s, firsts),
    )
    return whole, keys[0][firsts]


def begins_of(*columns: Octets) -> Whole:
    """Where a row differs from the one before it in any of these ids."""
    differ = reduce(np.logical_or, ((column[1:] != column[:-1]).any(axis=1) for column in columns))
    return np.flatnonzero(np.concatenate(([True], differ)))


def _prefixed(prefix: bytes, ids: Octets) -> Octets:
    found = np.empty((len(ids), len(prefix) + _ID), np.uint8)
    found[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    found[:, len(prefix) :] = ids
    return found
