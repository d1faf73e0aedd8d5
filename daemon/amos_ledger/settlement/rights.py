"""Whose a stem was, and when: the catalogues of the log in time (SPEC section 12, "Whose it is"). Pure.

A million stems are kept by column, some hundred bytes each, and asked for thousands at a time.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cbor2
import numpy as np
import numpy.typing as npt

from amos.protocol.catalogue import TYP_CATALOGUE, Catalogue
from amos.protocol.cose import parse_typed
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos_ledger.settlement.rights_columns import Integers, Made, RightsColumns, Said, WorkSaid

Split = tuple[tuple[str, int], ...]
"""(payee, ppm) of each payee of a stem, in the catalogue's order."""


class Shared(NamedTuple):
    """The shares of many stems side by side: how many each stem has, and the payee and ppm of each. Payees are numbered
    by `RightsHistory.payees`, in order of their names."""

    counts: Integers
    payees: npt.NDArray[np.int32]
    ppm: npt.NDArray[np.int32]


class Work(NamedTuple):
    """What a stem is called; an empty code where nobody stated one."""

    title: str
    artist: str
    isrc: str


class RightsHistory:
    """The catalogues that came into force, given in the log's order as (since when, what it says, its bytes); None:
    from ever. The splits of a stem are kept once for each time that they changed.

    newest    bytes of the last one that came into force
    instants  seconds in which the splits of any stem changed
    payees    everybody who has a share, by name; `names` are the same as bytes
    """

    def __init__(self, named: Iterable[tuple[int | None, Said, bytes]]) -> None:
        self.newest = b""
        since_s, serial, made = -1, -1, Made()
        for known_s, said, data in named:
            since_s = max(since_s, -1 if known_s is None else known_s)
            if said.serial <= serial:
                continue
            serial, self.newest = said.serial, data
            made.add(since_s, serial, said.works)
        self._columns: RightsColumns = made.columns()
        self.payees, self.instants = self._columns.payees, self._columns.instants
        self.names = np.array([payee.encode() for payee in self.payees], np.bytes_)

    def epoch(self, unix_s: int) -> int:
        """How many of the instants are past: within an epoch no splits change."""
        return bisect_right(self.instants, unix_s)

    @property
    def stem_ids(self) -> npt.NDArray[np.bytes_]:
        """Of all stems that some catalogue has, in order."""
        return self._columns.ids

    def numbers(self, stem_ids: Sequence[bytes]) -> Integers:
        """The place of each among `stem_ids`; -1 of a stem that no catalogue has."""
        return self._columns.numbers(_octets(stem_ids))

    def rights_in(self, stem_ids: Sequence[bytes], epoch: int) -> Integers:
        """The serial under which the splits of each stem that hold in the epoch came into force; -1 of a stem that no
        catalogue has."""
        return self._columns.serials_at(_octets(stem_ids), self.instants[epoch - 1] if epoch else -1)

    def shared(self, stem_ids: npt.NDArray[np.uint8], rights: Integers) -> Shared:
        """The splits of each of these stems that came into force with the serial beside it. Raises `LookupError` for
        rights that no row has."""
        columns = self._columns
        changes = columns.changes(stem_ids, rights)
        starts, counts = (
            columns.split_starts[changes],
            columns.split_starts[changes + 1] - columns.split_starts[changes],
        )
        which = np.arange(counts.sum()) + (starts - counts.cumsum() + counts).repeat(counts)
        return Shared(counts, columns.split_payees[which], columns.split_ppm[which])

    def splits(self, stem_id: bytes, rights: int) -> Split:
        """The splits of one stem. Raises `LookupError` for rights that no row has."""
        found = self.shared(np.frombuffer(stem_id, np.uint8).reshape(1, -1), np.array([rights]))
        return tuple((self.payees[payee], ppm) for payee, ppm in zip(found.payees, found.ppm.tolist(), strict=True))

    def work(self, stem_id: bytes) -> Work:
        """The texts of one stem."""
        texts = self.texts(np.frombuffer(stem_id, np.uint8).reshape(1, -1))
        return Work(*(json.loads(text) for text in texts.split(b"\0")))

    def texts(self, stem_ids: npt.NDArray[np.uint8]) -> bytes:
        """Title, artist and code of each of these stems as the last catalogue that has it tells them, spelled in JSON,
        with an octet of 0 between them."""
        return self._columns.texts(stem_ids)


def _octets(stem_ids: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(stem_ids), np.uint8).reshape(len(stem_ids), -1)


def decode_catalogue(catalogue: bytes) -> Catalogue:
    """What a catalogue says that was verified when it was taken in."""
    decoded: Catalogue = Catalogue.decode(parse_typed(catalogue, TYP_CATALOGUE, CATALOGUE_BYTES_MAX).payload)
    return decoded


def said_in(catalogue: bytes) -> Said:
    """What rights follow from of a catalogue that was decoded strictly when it was taken in; five times as fast."""
    found = cbor2.loads(parse_typed(catalogue, TYP_CATALOGUE, CATALOGUE_BYTES_MAX).payload)
    works = (
        WorkSaid(work[1], work[2], work[3], work.get(4), [(share[1], share[2]) for share in work[5]])
        for work in found[3]
    )
    return Said(found[2], works)
