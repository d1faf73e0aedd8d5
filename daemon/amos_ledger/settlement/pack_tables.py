"""What is asked of packs while the play of many segments is added up: a place for each stem of each. Pure."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from amos.protocol.manifest import Manifest
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.segment_columns import Chosen, Octets, Whole
from amos_ledger.settlement.standing import GRACE_S, OptOutHistory

PLACES_MAX = 1 << 17
"""Some two megabytes: a hundred of the largest packs."""

_PACK_BYTES = 32


class Packs(NamedTuple):
    """Of the pack of each segment: its number, its rate, how many stems it has, and the first second in which something
    of it is past a lease; -1, 0 and 0 of a pack without a manifest."""

    numbers: Whole
    rate_hz: Whole
    sizes: Whole
    over_s: Whole


class PackTables:
    """Stems of packs, one pack behind the other, and again for each time in which other splits hold.

    stems    the stem's number among all of the catalogues
    rights   the number of the serial that decides its splits: `serials` are these
    odd      whether some catalogue lacks it, or some list withdrew it
    """

    def __init__(
        self, rights: RightsHistory, opt_outs: OptOutHistory, manifest_of: Callable[[bytes], Manifest | None]
    ) -> None:
        self._rights, self._opt_outs, self._manifest_of = rights, opt_outs, manifest_of
        self.clear()

    def clear(self) -> None:
        """Forget all packs: they are found again when they are asked for."""
        self._packs: dict[bytes, int] = {}
        self._said: Whole = np.empty((0, 3), np.int64)
        self._begins: Whole = np.empty((0, len(self._rights.instants) + 1), np.int64)
        self._with_odd: set[int] = set()
        self._serials: dict[int, int] = {}
        self.stems: Whole = np.empty(0, np.int64)
        self.rights: Whole = np.empty(0, np.int64)
        self.odd: Chosen = np.empty(0, bool)

    @property
    def full(self) -> bool:
        """Whether it is time to forget."""
        return len(self.stems) > PLACES_MAX

    @property
    def serials(self) -> list[int]:
        """By their numbers."""
        return [*self._serials]

    def packs(self, packs: Octets) -> Packs:
        """Of each of these."""
        # A text of NumPy ends before its last zeros; of texts of one length no two become the same by that.
        texts: list[bytes] = packs.view(f"S{_PACK_BYTES}").ravel().tolist()
        for text in {*texts} - self._packs.keys():
            self._packs[text] = len(self._said)
            self._said = np.vstack((self._said, self._pack(_whole(text))))
            self._begins = np.vstack((self._begins, np.full(self._begins.shape[1], -1)))
        numbers = np.fromiter(map(self._packs.__getitem__, texts), np.int64, len(texts))
        return Packs(numbers, *self._said[numbers].T)

    def _pack(self, pack: bytes) -> tuple[int, int, int]:
        manifest = self._manifest_of(pack)
        if manifest is None:
            return -1, 0, 0
        ends = manifest.lease_end_unix_s, *(stem.lease_end_unix_s for stem in manifest.stems)
        return manifest.rate_hz, len(manifest.stems), min(ends) + GRACE_S

    def tables(self, numbers: Whole, epochs: Whole) -> Whole:
        """Where the stems of these packs begin, by the splits that hold in the epochs."""
        lacking = self._begins[numbers, epochs] < 0
        for number, epoch in {*zip(numbers[lacking].tolist(), epochs[lacking].tolist(), strict=True)}:
            self._begins[number, epoch] = self._made([*self._packs][number], epoch)
        return self._begins[numbers, epochs]

    def odd_any(self, tables: Whole) -> bool:
        """Whether any of these has a stem that is odd."""
        return not self._with_odd.isdisjoint(tables.tolist())

    def _made(self, text: bytes, epoch: int) -> int:
        pack = _whole(text)
        manifest = self._manifest_of(pack)
        assert manifest is not None
        ids, begin = [stem.stem_id for stem in manifest.stems], len(self.stems)
        serials = self._rights.rights_in(ids, epoch)
        odd = serials < 0
        odd[list(self._opt_outs.named(pack, manifest))] = True
        if odd.any():
            self._with_odd.add(begin)
        numbers = [self._serials.setdefault(serial, len(self._serials)) for serial in serials.tolist()]
        self.stems = np.concatenate((self.stems, self._rights.numbers(ids)))
        self.rights = np.concatenate((self.rights, np.array(numbers, np.int64)))
        self.odd = np.concatenate((self.odd, odd))
        return begin


def _whole(text: bytes) -> bytes:
    return text.ljust(_PACK_BYTES, b"\0")
