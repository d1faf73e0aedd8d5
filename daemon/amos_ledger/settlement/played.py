"""Play added up by key: the small change of which meter readings are made. Pure.

A key is (stem, device, rights, standing, accrual, tier, rate), packed so that bytes sort as the parts of cells do.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from amos_ledger.settlement.part_columns import Parts

_KEY = struct.Struct(">16s16sQBBBI")

Kind = tuple[int, int, int, int, int]
"""(rights, standing, accrual, tier, rate in Hz): how play counts, whatever stem and device it is of."""

Whole = npt.NDArray[np.int64]


class Played(NamedTuple):
    """Frames in play and how many placements began; the first second and the last of what is dated, None for none."""

    frames: int
    plays: int
    first_s: int | None
    last_s: int | None

    def and_(self, more: "Played") -> "Played":
        """Both together."""
        return Played(
            self.frames + more.frames,
            self.plays + more.plays,
            _either(min, self.first_s, more.first_s),
            _either(max, self.last_s, more.last_s),
        )


class Key(NamedTuple):
    """Of which stem, on which device, and how it counts; see `amos.protocol.readings`."""

    stem_id: bytes
    device_id: bytes
    rights: int
    standing: int
    accrual: int
    tier: int
    rate_hz: int

    @classmethod
    def unpacked(cls, data: bytes) -> "Key":
        """The key of which these are the bytes."""
        return cls(*_KEY.unpack(data))

    def packed(self) -> bytes:
        """47 bytes that sort as the key does."""
        return _KEY.pack(*self)


class Amounts(NamedTuple):
    """As `Played`, by column, of play that is dated."""

    frames: Whole
    plays: Whole
    first_s: Whole
    last_s: Whole


class Spill(Protocol):
    """Bytes that are put aside, one behind the other, and read by where they stand."""

    def add(self, data: bytes) -> None:
        """More of them."""
        ...

    def read(self, begin: int, end: int) -> bytes:
        """Those between these places."""
        ...


class Sums(Protocol):
    """Where a period is added up, which may be larger than memory."""

    def add(self, more: Mapping[bytes, Played]) -> None:
        """Add to what there is by these keys."""
        ...

    def device(self, device_id: bytes) -> int:
        """The number by which cells name that device."""
        ...

    def kind(self, kind: Kind) -> int:
        """The number by which cells name that kind."""
        ...

    def add_cells(self, stems: Whole, devices: Whole, kinds: Whole, amounts: Amounts) -> None:
        """As `add`. Stems are named by their numbers among all of the catalogues."""
        ...

    def parts(self) -> Iterator[Parts]:
        """All of it, by ascending key, some thousands at a time, and no stem at two times."""
        ...

    def spill(self) -> Spill:
        """A place for bytes that lasts longer than these sums."""
        ...


def _either(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)
