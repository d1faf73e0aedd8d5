"""Byte strings of many rows put together by column: one step of NumPy writes a field of all of them. Pure.

A field may have another length in each row, as integers of CBOR have, or may stand in some rows only. So each is
written at its full width, and a mask says which of its octets count; what the mask leaves stands in order.
"""

import hashlib
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from amos.protocol.readings import SUM_BYTES, sum_bytes

Octets = npt.NDArray[np.uint8]
Chosen = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]
Sums = npt.NDArray[np.int64] | npt.NDArray[np.object_]
"""64-bit integers where they suffice, Python's where they do not."""

_MORE_BYTES = np.array([0, 1, 2, 4, 8])
"""Behind the head of an integer, by how large it is."""
_LARGER_FROM = np.array([24, 1 << 8, 1 << 16, 1 << 32])


class Joined(NamedTuple):
    """The octets of all rows, and where each row ends."""

    octets: bytes
    ends: Whole


class ByteRows:
    """Fields of rows, from left to right; `only` says in which rows a field stands, None: in all."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._fields: list[tuple[Octets, Chosen | None]] = []

    def constant(self, data: bytes, only: Chosen | None = None) -> None:
        """The same octets in each row."""
        self.octets(np.frombuffer(data, np.uint8)[None, :], only)

    def octets(self, data: Octets, only: Chosen | None = None) -> None:
        """As many octets in each row."""
        self._fields.append(
            (data, None if only is None else np.broadcast_to(only[:, None], (self._count, data.shape[1])))
        )

    def texts(self, data: Octets, lengths: Whole, only: Chosen | None = None) -> None:
        """The first so many octets of each row."""
        there = np.arange(data.shape[1]) < lengths[:, None]
        self._fields.append((data, there if only is None else there & only[:, None]))

    def uints(self, values: Whole, only: Chosen | None = None, major: int = 0) -> None:
        """Heads of CBOR with these arguments, of that major type: integers for 0."""
        alike = len(values) > 0 and bool((values == values[0]).all())
        values = values[:1] if alike else values
        more = _MORE_BYTES[np.searchsorted(_LARGER_FROM, values, "right")]
        width = int(more.max(initial=0))
        data = np.empty((len(values), 1 + width), np.uint8)
        data[:, 0] = major << 5 | np.where(more == 0, values, 23 + np.searchsorted(_MORE_BYTES, more))
        data[:, 1:] = values.astype(">i8").view(np.uint8).reshape(-1, 8)[:, 8 - width :]
        if alike:
            self.octets(data, only)
            return
        there = np.arange(1 + width) > width - more[:, None]
        there[:, 0] = True
        self._fields.append((data, there if only is None else there & only[:, None]))

    def joined(self) -> Joined:
        """All of it."""
        width = sum(data.shape[1] for data, _there in self._fields)
        octets, there = np.empty((self._count, width), np.uint8), np.ones((self._count, width), np.bool_)
        at = 0
        for data, chosen in self._fields:
            end = at + data.shape[1]
            octets[:, at:end] = data
            if chosen is not None:
                there[:, at:end] = chosen
            at = end
        return Joined(octets[there].tobytes(), np.count_nonzero(there, axis=1).cumsum())


def sum_octets(sums: Sums) -> Octets:
    """Sums as they are hashed, 16 octets each. Raises `LocalError` for one that does not fit."""
    if sums.dtype == object:
        return np.frombuffer(b"".join(map(sum_bytes, sums.tolist())), np.uint8).reshape(-1, SUM_BYTES)
    found = np.zeros((len(sums), SUM_BYTES), np.uint8)
    found[:, SUM_BYTES - 8 :] = sums.astype(">i8").view(np.uint8).reshape(-1, 8)
    return found


def digests(octets: bytes, ends: Whole) -> Octets:
    """SHA-256 of each of the strings that stand side by side in these octets."""
    stops, sha256 = ends.tolist(), hashlib.sha256
    return _together([sha256(octets[at:end]).digest() for at, end in zip(chain((0,), stops), stops, strict=False)])


def row_digests(rows: Octets) -> Octets:
    """SHA-256 of each row."""
    sha256 = hashlib.sha256
    strings = np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel().tolist()
    return _together([sha256(data).digest() for data in strings])


def _together(found: Sequence[bytes]) -> Octets:
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, 32)


def starts_of(ends: Whole) -> Whole:
    """Where each row begins."""
    return np.concatenate(([0], ends[:-1])) if len(ends) else ends
