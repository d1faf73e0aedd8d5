"""What catalogues say of stems, by column: splits for each time that they changed, and the last texts. Pure, NumPy."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]
Octets = npt.NDArray[np.uint8]

_ID = 16


class WorkSaid(NamedTuple):
    """Of a stem: its texts, and (payee, ppm) of each share."""

    stem_id: bytes
    title: str
    artist: str
    isrc: str | None
    splits: Sequence[tuple[str, int]]


class Said(NamedTuple):
    """Of a catalogue: its serial, and each stem once."""

    serial: int
    works: Iterable[WorkSaid]


@dataclass(frozen=True, slots=True)
class RightsColumns:
    """Stems in order of their ids, and of each the changes of its splits in order of time.

    starts        where the changes of each stem begin, and one more
    split_starts  where the shares of each change begin, and one more
    highs         the first eight octets of each id as an integer, which are found sooner than texts
    payees        names, in order; `split_payees` are places there
    """

    ids: npt.NDArray[np.bytes_]
    highs: npt.NDArray[np.uint64]
    starts: Integers
    since_s: Integers
    serials: Integers
    split_starts: Integers
    split_payees: Small
    split_ppm: Small
    payees: Sequence[str]
    instants: Sequence[int]
    octets: bytes
    text_starts: Integers
    text_ends: Integers

    def numbers(self, stem_ids: Octets) -> Integers:
        """Which of the stems each is; -1 for none of them."""
        if not len(self.ids):
            return np.full(len(stem_ids), -1)
        wanted, last = _as_texts(stem_ids), len(self.ids) - 1
        found = np.searchsorted(self.highs, _highs(stem_ids))
        while (before := (found < last) & (self.ids[np.minimum(found, last)] < wanted)).any():
            found = found + before
        return np.where(self.ids[np.minimum(found, last)] == wanted, found, -1)

    def changes(self, stem_ids: Octets, serials: Integers) -> Integers:
        """The change of each stem with the serial beside it. Raises `LookupError`."""
        numbers = self.numbers(stem_ids)
        if (numbers < 0).any():
            raise LookupError(f"stem {stem_ids[numbers < 0][0].tobytes().hex()}: expected one of a catalogue")
        found, ends = self.starts[numbers], self.starts[numbers + 1]
        while (other := self.serials[np.minimum(found, ends - 1)] != serials).any():
            found = found + other
            if (found >= ends).any():
                at = int(np.flatnonzero(found >= ends)[0])
                stem = stem_ids[at].tobytes().hex()
                raise LookupError(f"stem {stem}: expected splits of catalogue {serials[at]}")
        return found

    def serials_at(self, stem_ids: Octets, unix_s: int) -> Integers:
        """The serial of the change of each stem that holds at that moment, of the first one before it; -1 for none."""
        if not len(self.ids):
            return np.full(len(stem_ids), -1)
        numbers = self.numbers(stem_ids)
        found, ends = self.starts[numbers], self.starts[numbers + 1]
        last = len(self.serials) - 1
        while (later := (found + 1 < ends) & (self.since_s[np.minimum(found + 1, last)] <= unix_s)).any():
            found = found + later
        return np.where(numbers < 0, -1, self.serials[np.minimum(found, last)])

    def texts(self, stem_ids: Octets) -> bytes:
        """Title, artist and code of each of these stems, spelled in JSON, with an octet of 0 between them."""
        numbers, octets = self.numbers(stem_ids), self.octets
        bounds = zip(self.text_starts[numbers].tolist(), self.text_ends[numbers].tolist(), strict=True)
        return b"\0".join([octets[first:end] for first, end in bounds])


class Made:
    """Takes catalogues one by one, in order of their serials."""

    def __init__(self) -> None:
        self._ids, self._texts = bytearray(), bytearray()
        self._since_s, self._serials = array("q"), array("q")
        self._ends, self._text_ends, self._payees, self._ppm = array("q"), array("q"), array("i"), array("i")
        self._numbers: dict[str, int] = {}

    def add(self, since_s: int, serial: int, works: Iterable[WorkSaid]) -> None:
        """One more, and since when it is in force."""
        numbers, payees, ppm, quote, texts = self._numbers, self._payees, self._ppm, encode_basestring, self._texts
        first = len(self._ends)
        for work in works:
            self._ids += work.stem_id
            texts += f"{quote(work.title)}\0{quote(work.artist)}\0{quote(work.isrc or '')}".encode()
            self._text_ends.append(len(texts))
            for payee, share in work.splits:
                payees.append(numbers.setdefault(payee, len(numbers)))
                ppm.append(share)
            self._ends.append(len(ppm))
        count = len(self._ends) - first
        self._since_s.extend([since_s] * count)
        self._serials.extend([serial] * count)

    def columns(self) -> RightsColumns:
        """All that was taken."""
        ids = np.frombuffer(bytes(self._ids), np.uint8).reshape(-1, _ID)
        order = np.lexsort(np.ascontiguousarray(ids).view(">u8").T[::-1])
        texts = _as_texts(ids[order])
        fresh = np.concatenate((np.ones(min(1, len(texts)), np.bool_), texts[1:] != texts[:-1]))
        payees, names = self._by_name()
        since_s, ends, ppm = _whole(self._since_s), _whole(self._ends), _small(self._ppm)
        starts = np.concatenate(([0], ends[:-1])) if len(ends) else ends
        changed = fresh | _differ(starts[order], ends[order], payees, ppm)
        kept = order[changed]
        counts = (ends - starts)[kept]
        which = np.arange(counts.sum()) + (starts[kept] - counts.cumsum() + counts).repeat(counts)
        last = order[np.append(np.flatnonzero(fresh)[1:] - 1, len(order) - 1)] if len(order) else order
        text_ends = _whole(self._text_ends)
        return RightsColumns(
            ids=texts[fresh],
            highs=_highs(ids[order][fresh]),
            starts=np.append(np.flatnonzero(fresh[changed]), len(kept)),
            since_s=since_s[kept],
            serials=_whole(self._serials)[kept],
            split_starts=np.concatenate(([0], counts.cumsum())),
            split_payees=payees[which],
            split_ppm=ppm[which],
            payees=names,
            instants=np.unique(since_s[order[changed & ~fresh]]).tolist(),
            octets=bytes(self._texts),
            text_starts=np.concatenate(([0], text_ends[:-1]))[last] if len(last) else last,
            text_ends=text_ends[last],
        )

    def _by_name(self) -> tuple[Small, list[str]]:
        """The payee of each share as a place among the names, and these in order."""
        names = sorted(self._numbers)
        places = np.empty(len(names), np.int32)
        places[[self._numbers[name] for name in names]] = np.arange(len(names))
        return places[_small(self._payees)], names


def _whole(column: "array[int]") -> Integers:
    return np.frombuffer(column, np.int64) if len(column) else np.empty(0, np.int64)


def _small(column: "array[int]") -> Small:
    return np.frombuffer(column, np.int32) if len(column) else np.empty(0, np.int32)


def _as_texts(ids: Octets) -> npt.NDArray[np.bytes_]:
    """Of NumPy, which compare as the ids do: it leaves zeros at their ends out, and all are of one length."""
    return np.ascontiguousarray(ids).view(f"S{_ID}").ravel()


def _highs(ids: Octets) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(ids).view(">u8")[:, 0].astype(np.uint64)


def _differ(starts: Integers, ends: Integers, payees: Small, ppm: Small) -> npt.NDArray[np.bool_]:
    """Whether the shares between these bounds are others than those before, in another order, or of another number."""
    found = np.ones(len(starts), np.bool_)
    counts = ends - starts
    same = 1 + np.flatnonzero(counts[1:] == counts[:-1])
    width = counts[same]
    within = np.arange(width.sum()) - (width.cumsum() - width).repeat(width)
    one, other = starts[same].repeat(width) + within, starts[same - 1].repeat(width) + within
    unlike = (payees[one] != payees[other]) | (ppm[one] != ppm[other])
    found[same] = np.bincount(np.arange(len(same)).repeat(width), unlike, len(same)) > 0
    return found
