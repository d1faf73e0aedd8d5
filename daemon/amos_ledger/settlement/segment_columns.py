"""What raw usage segments say, thousands at a time and without decoding each. Pure, NumPy, exact.

Only for segments that were verified and decoded before, as those in the ledger's log: their encoding is then known to
be canonical, so the place of each field follows from the lengths before it, and one step of NumPy finds it in all of
them. What is not as expected is left to the strict codec, and said so.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from amos.protocol.cbor import dumps
from amos.protocol.cose import ALG_ED25519, HEADER_ALG, HEADER_KID, HEADER_TYP, KID_BYTES, TYP_USAGE
from amos.protocol.segment import Usage

Whole = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]
Chosen = npt.NDArray[np.bool_]

_PAYLOAD_AT = 5 + len(dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: bytes(KID_BYTES), HEADER_TYP: TYP_USAGE}))
"""Behind the tag, the array, the protected header as bytes and the empty map of the other."""

_LENGTHS = np.ones(256, np.int64)
"""Of an integer, or of the head of a byte string, by its first byte."""
_NUMBERS = ((24, 1), (25, 2), (26, 4), (27, 8))
for _low, _bytes in _NUMBERS:
    _LENGTHS[_low::32] = 1 + _bytes

_COLUMNS: dict[str, tuple[bytes, np.dtype[Any]]] = {
    "H": (b"\xd8\x45", np.dtype("<u2")),
    "I": (b"\xd8\x46", np.dtype("<u4")),
    "B": (b"\xd8\x40", np.dtype("u1")),
}
"""Type code → (head of the typed array's tag, items)."""

_LAST = next(index for index, field in enumerate(Usage.FIELDS) if field[1] == "flags")
_ROW_COLUMNS = {field[1]: field[2] for field in Usage.FIELDS if field[1] in ("stems", "starts", "frames", "flags")}
_IDS = {field[1]: field[3] for field in Usage.FIELDS if field[1] in ("device_id", "pack")}
_INTEGERS = ("rate_hz", "start_ms", "clock", "anchor_unix_ms", "anchor_ms", "tier")

NEVER = -1
"""An instant that the segment does not say."""


class SegmentColumns(NamedTuple):
    """Of the entries that are as expected: `at`, their indexes among all; ids and integers as `Usage` has them, `NEVER`
    for an anchor that there is none of; and how many rows each has. The rows of all of them follow each other."""

    at: Whole
    device_id: Octets
    pack: Octets
    rate_hz: Whole
    start_ms: Whole
    clock: Whole
    anchor_unix_ms: Whole
    anchor_ms: Whole
    tier: Whole
    counts: Whole
    stems: npt.NDArray[np.uint16]
    starts: npt.NDArray[np.uint32]
    frames: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.uint8]


class _Found(NamedTuple):
    """Where things are in all entries together, -1 for what an entry has not; `fine`: whether all is as expected."""

    fine: Chosen
    begins: dict[str, Whole]
    ends: dict[str, Whole]


def columns_of(entries: Sequence[bytes]) -> SegmentColumns:
    """What verified usage segments say. Entries that are none are left out."""
    data = b"".join(entries)
    octets = np.frombuffer(data or b"\0", np.uint8)
    found = _find(octets, np.fromiter(map(len, entries), np.int64, len(entries)))
    at = np.flatnonzero(found.fine)
    begins = {name: places[at] for name, places in found.begins.items()}
    ends = {name: places[at] for name, places in found.ends.items()}
    columns: dict[str, Any] = {name: _windows(octets, begins[name], size) for name, size in _IDS.items()}
    columns |= {name: _integer(octets, begins[name]) for name in _INTEGERS}
    for name, kind in _ROW_COLUMNS.items():
        columns[name] = np.frombuffer(_slices(data, begins[name], ends[name]), _COLUMNS[kind][1])
    return SegmentColumns(at=at, counts=ends["flags"] - begins["flags"], **columns)


def _slices(data: bytes, begins: Whole, ends: Whole) -> bytes:
    return b"".join([data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)])


def _windows(octets: Octets, begins: Whole, size: int) -> Octets:
    """So many octets from each place on."""
    places = np.ndarray((max(len(octets) - size + 1, 0), size), np.uint8, octets, strides=(1, 1))
    return places[begins]


def _find(octets: Octets, sizes: Whole) -> _Found:
    """Walk through the fields of all entries at once. Looking is clipped to what there is, so that an entry that is not
    fine leads nowhere."""
    last = sizes.cumsum()
    at = last - sizes + _PAYLOAD_AT
    at += _LENGTHS[octets.take(at, mode="clip")] + 2
    begins: dict[str, Whole] = {}
    ends: dict[str, Whole] = {}
    fine = np.ones(len(sizes), bool)
    for key, name, kind, bound in Usage.FIELDS[: _LAST + 1]:
        said = octets.take(at, mode="clip") == key
        if kind.endswith("?"):
            begins[name] = np.where(said, at + 1, -1)
            at = at + said * (_LENGTHS[octets.take(at + 1, mode="clip")] + 1)
            continue
        fine &= said
        if kind in _COLUMNS:
            for number, octet in enumerate(_COLUMNS[kind][0], 1):
                fine &= octets.take(at + number, mode="clip") == octet
            begins[name], at = _string(octets, at + 3)
            ends[name] = at
        elif kind == "bytes":
            at = at + 1 + len(dumps(bytes(bound)))
            begins[name], ends[name] = at - bound, at
        else:
            begins[name] = at + 1
            at = at + 1 + _LENGTHS[octets.take(at + 1, mode="clip")]
    counts = ends["flags"] - begins["flags"]
    for name, kind in _ROW_COLUMNS.items():
        fine &= ends[name] - begins[name] == counts * _COLUMNS[kind][1].itemsize
    return _Found(fine & (at <= last), begins, ends)


def _string(octets: Octets, at: Whole) -> tuple[Whole, Whole]:
    """(begin, end) of byte strings of at most 65,535 bytes; (begin, begin) of what is no such string."""
    head, short, long = (octets.take(at + number, mode="clip").astype(np.int64) for number in range(3))
    # Most columns are of some hundred bytes or more; `numpy.select` costs four times as much.
    size = np.where(head == 0x59, (short << 8) + long, short)
    size = np.where(head < 0x58, np.maximum(head - 0x40, 0), np.where(head > 0x59, 0, size))
    begin = at + _LENGTHS[head]
    return begin, begin + size


def _integer(octets: Octets, at: Whole) -> Whole:
    """The integers there; -1 for none."""
    head = octets.take(at, mode="clip").astype(np.int64)
    values = np.where((at >= 0) & (head < 24), head, -1)
    for first, size in _NUMBERS:
        which = np.flatnonzero((at >= 0) & (head == first))
        if len(which):
            found = np.zeros(len(which), np.int64)
            for number in range(1, size + 1):
                found = (found << 8) + octets.take(at[which] + number, mode="clip")
            values[which] = found
    return values
