"""Play of a period added up by key, in a temporary SQLite database where there is much of it.

A database without a name is private, lives in its cache until that is full, and is gone when it is closed; so memory
does not grow with the log.
"""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

KEYS_IN_MEMORY = 16_000
"""About 8 MB; then they are added to the database."""


class Kind(NamedTuple):
    """Of what play is: in the order of stem rows."""

    stem: bytes
    device: bytes
    rights: int
    standing: int
    accrual: int
    tier: int
    rate_hz: int


class Amount(NamedTuple):
    """How much: frames, placements that began, first and last second of what is dated."""

    frames: int
    plays: int
    first_s: int | None
    last_s: int | None


class Sums:
    """Adds; then reads in order, by stem or by device."""

    def __init__(self, keys_in_memory: int = KEYS_IN_MEMORY) -> None:
        self.database = sqlite3.connect("", isolation_level=None)
        self.database.execute("PRAGMA journal_mode = OFF")
        self.database.execute(
            "CREATE TABLE play (stem, device, rights, standing, accrual, tier, rate_hz, frames, plays, first_s, last_s,"
            " PRIMARY KEY (stem, device, rights, standing, accrual, tier, rate_hz)) WITHOUT ROWID"
        )
        self._fresh: dict[Kind, Amount] = {}
        self._keys_in_memory = keys_in_memory

    def add(self, kind: Kind, more: Amount) -> None:
        """Add to what there is of this kind."""
        before = self._fresh.get(kind)
        self._fresh[kind] = more if before is None else together(before, more)
        if len(self._fresh) >= self._keys_in_memory:
            self.flush()

    def flush(self) -> None:
        """Into the database."""
        if not self._fresh:
            return
        self.database.execute("BEGIN")
        self.database.executemany(
            "INSERT INTO play VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " frames = frames + excluded.frames, plays = plays + excluded.plays,"
            " first_s = coalesce(min(first_s, excluded.first_s), first_s, excluded.first_s),"
            " last_s = coalesce(max(last_s, excluded.last_s), last_s, excluded.last_s)",
            sorted((*kind, *amount) for kind, amount in self._fresh.items()),
        )
        self.database.execute("COMMIT")
        self._fresh.clear()

    def by_stem(self) -> Iterator[tuple[Kind, Amount]]:
        """By stem, device and the rest of the key."""
        return self._each("stem, device")

    def by_device(self) -> Iterator[tuple[Kind, Amount]]:
        """By device, stem and the rest of the key."""
        return self._each("device, stem")

    def rates_hz(self) -> list[int]:
        """Sample rates of all that sounded."""
        self.flush()
        return [rate for (rate,) in self.database.execute("SELECT DISTINCT rate_hz FROM play")]

    def _each(self, order: str) -> Iterator[tuple[Kind, Amount]]:
        self.flush()
        sql = f"SELECT * FROM play ORDER BY {order}, rights, standing, accrual, tier, rate_hz"
        for row in self.database.execute(sql):
            yield Kind(*row[:7]), Amount(*row[7:])


def together(one: Amount, other: Amount) -> Amount:
    """The sum of two amounts of one kind."""
    firsts = [item.first_s for item in (one, other) if item.first_s is not None]
    lasts = [item.last_s for item in (one, other) if item.last_s is not None]
    return Amount(
        one.frames + other.frames, one.plays + other.plays, min(firsts, default=None), max(lasts, default=None)
    )
