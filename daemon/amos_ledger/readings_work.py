"""What is added up while a period is worked out, kept on disk when there is much of it.

So a period takes as much memory with a million segments as with ten thousand.
"""

import os
from collections.abc import Iterator, Mapping
from tempfile import TemporaryFile
from types import TracebackType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from amos.protocol.record import UNIX_S_MAX
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.part_columns import NEVER, Parts
from amos_ledger.settlement.played import Amounts, Key, Kind, Played
from amos_ledger.sorted_runs import Rows, SortedRuns

KEYS_IN_MEMORY = 4096
"""Of play that was judged one segment at a time: some megabyte, and as much again while it is given on."""

_STEM_BITS, _DEVICE_BITS, _KIND_BITS = 24, 22, 17
"""16 million stems, 4 million devices, 131,000 kinds: together they are a key of 63 bits."""

_STEM_AT = _DEVICE_BITS + _KIND_BITS
_LATER = UNIX_S_MAX + 1
"""The first second of what is not dated: later than any."""


Item = TypeVar("Item")


class SpilledFile:
    """Bytes in a file without a name, which is gone when nobody holds it; see `settlement.played.Spill`."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  It lasts as long as this.

    def add(self, data: bytes) -> None:
        """More of them."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(data)

    def read(self, begin: int, end: int) -> bytes:
        """Those between these places."""
        self._file.seek(begin)
        return self._file.read(end - begin)


class PlayedSums:
    """Play by key, in order of keys; see `settlement.played.Sums`. `stem_ids`: of all stems that can have played, in
    order. Raises `SettlementError` for more stems, devices or kinds than a key can name."""

    def __init__(self, stem_ids: npt.NDArray[np.bytes_]) -> None:
        self._stem_ids = stem_ids
        if len(stem_ids) >> _STEM_BITS:
            raise SettlementError(f"stems: expected at most {1 << _STEM_BITS}, found {len(stem_ids)}")
        self._devices: dict[bytes, int] = {}
        self._kinds: dict[Kind, int] = {}
        self._runs = SortedRuns((np.add, np.add, np.minimum, np.maximum))
        self._fresh: dict[bytes, Played] = {}

    def __enter__(self) -> "PlayedSums":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runs.clear()

    def add(self, more: Mapping[bytes, Played]) -> None:
        """Add to what there is by these keys."""
        fresh = self._fresh
        for key, played in more.items():
            before = fresh.get(key)
            fresh[key] = played if before is None else before.and_(played)
        if len(fresh) >= KEYS_IN_MEMORY:
            self._flush()

    def device(self, device_id: bytes) -> int:
        """See `Sums`."""
        return _number(self._devices, device_id, _DEVICE_BITS, "devices")

    def kind(self, kind: Kind) -> int:
        """See `Sums`."""
        return _number(self._kinds, kind, _KIND_BITS, "kinds of play")

    def add_cells(self, stems: Rows, devices: Rows, kinds: Rows, amounts: Amounts) -> None:
        """See `Sums`."""
        self._runs.add(stems << _STEM_AT | devices << _KIND_BITS | kinds, *amounts)

    def parts(self) -> Iterator[Parts]:
        """All of it, by ascending key, some thousands at a time, and no stem at two times."""
        self._flush()
        named = _Named([*self._devices], [*self._kinds])
        held = np.empty((5, 0), np.int64)
        for block in self._runs.blocks():
            held = np.concatenate((held, block), axis=1)
            end = int(np.searchsorted(held[0], held[0, -1] >> _STEM_AT << _STEM_AT))
            if end:
                yield self._parts(held[:, :end], named)
                held = held[:, end:]
        if held.shape[1]:
            yield self._parts(held, named)

    def spill(self) -> "SpilledFile":
        """A place for bytes that lasts longer than these sums."""
        return SpilledFile()

    def _parts(self, rows: Rows, named: "_Named") -> Parts:
        keys = rows[0]
        devices, kinds = keys >> _KIND_BITS & (1 << _DEVICE_BITS) - 1, keys & (1 << _KIND_BITS) - 1
        places = named.device_places[devices] << _KIND_BITS | named.kind_places[kinds]
        order = np.argsort(keys >> _STEM_AT << _STEM_AT | places)
        _keys, frames, plays, first_s, last_s = rows[:, order]
        stems = self._stem_ids.view(np.uint8).reshape(-1, 16)[keys[order] >> _STEM_AT]
        ids = stems, named.device_ids[devices[order]]
        first_s = np.where(first_s == _LATER, NEVER, first_s)
        integers = *named.kinds[kinds[order]].T, frames, plays, first_s, last_s
        return Parts(*ids, *integers)

    def _flush(self) -> None:
        if not self._fresh:
            return
        keys = [Key.unpacked(key) for key in self._fresh]
        stems = np.searchsorted(self._stem_ids, np.array([key.stem_id for key in keys], self._stem_ids.dtype))
        devices = np.array([self.device(key.device_id) for key in keys])
        kinds = np.array([self.kind(key[2:]) for key in keys])
        played = [
            (frames, plays, _LATER if first_s is None else first_s, NEVER if last_s is None else last_s)
            for frames, plays, first_s, last_s in self._fresh.values()
        ]
        self.add_cells(stems, devices, kinds, Amounts(*np.array(played, np.int64).T))
        self._fresh.clear()


class _Named:
    """Devices and kinds by their numbers, which they have as they came; and their places in order of what they are."""

    def __init__(self, device_ids: list[bytes], kinds: list[Kind]) -> None:
        self.device_ids = np.frombuffer(b"".join(device_ids), np.uint8).reshape(-1, 16)
        self.kinds = np.array(kinds, np.int64).reshape(-1, len(Key._fields) - 2)
        self.device_places = np.argsort(np.lexsort(self.device_ids.T[::-1]))
        self.kind_places = np.argsort(np.lexsort(self.kinds.T[::-1]))


def _number(numbers: dict[Item, int], item: Item, bits: int, what: str) -> int:
    found = numbers.setdefault(item, len(numbers))
    if found >> bits:
        raise SettlementError(f"{what}: expected at most {1 << bits} in a period, found more")
    return found
