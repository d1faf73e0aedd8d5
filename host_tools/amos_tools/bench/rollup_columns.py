"""Frames in play of raw usage segments by the ten thousand, without decoding each. Pure, NumPy, exact.

Only for segments that were verified and decoded before, as those in the ledger's log: their encoding is then known to
be canonical, so the place of each field follows from the lengths before it, and one step of NumPy finds it in all of
them. What is not as expected is left to the strict codec, and said so.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from amos.protocol.cbor import dumps
from amos.protocol.cose import ALG_ED25519, HEADER_ALG, HEADER_KID, HEADER_TYP, KID_BYTES, TYP_USAGE
from amos.protocol.segment import Usage

Places = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]

PlayKey = tuple[bytes, int, int]
"""(id of the pack, tier, rate in Hz)."""

ENTRIES_MAX = 2048
"""At a time: three megabytes of usual segments, which caches hold; calls of NumPy cost little beside them."""

_PAYLOAD_AT = 5 + len(dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: bytes(KID_BYTES), HEADER_TYP: TYP_USAGE}))
"""Behind the tag, the array, the protected header as bytes and the empty map of the other."""

_LENGTHS = np.ones(256, np.int64)
"""Of an integer, or of the head of a byte string, by its first byte."""
for _low, _bytes in ((24, 2), (25, 3), (26, 5), (27, 9)):
    _LENGTHS[_low::32] = _bytes

_COLUMN_HEADS = {"H": b"\xd8\x45", "I": b"\xd8\x46"}
_UNTIL = next(index for index, field in enumerate(Usage.FIELDS) if field[1] == "frames")
_KEY_BYTES = 8 + 32
_CELLS_MAX = 1 << 22
"""Kinds of play times stems of the largest pack that are added up at a time: 32 MiB."""

_ROWS = 32
"""That are copied at a time."""

_SPARE = bytes(4 * _ROWS)
"""Behind the last entry, of which the last rows are copied with as many more as make them whole."""


class Play(NamedTuple):
    """`frames`: frames in play of each stem by its index in the pack, as far as any sounded. `left`: indexes of the
    entries that are not counted."""

    frames: dict[PlayKey, Places]
    left: list[int]


class _Found(NamedTuple):
    """Where things are in all entries together. A column's place is that of its head; `fine`: whether all is so."""

    fine: npt.NDArray[np.bool_]
    rate_hz: Places
    pack: Places
    tier: Places
    stems: Places
    stems_end: Places
    frames: Places
    frames_end: Places


def play_of_entries(entries: Sequence[bytes]) -> Play:
    """The frames of verified usage segments, any number of them, in any order."""
    frames: dict[PlayKey, Places] = {}
    left: list[int] = []
    for first in range(0, len(entries), ENTRIES_MAX):
        part = entries[first : first + ENTRIES_MAX]
        octets = np.frombuffer(b"".join([*part, _SPARE]), np.uint8)
        found = _find(octets, np.fromiter(map(len, part), np.int64, len(part)))
        left += (first + np.flatnonzero(~found.fine)).tolist()
        _add(frames, octets, found)
    return Play(frames, left)


class RowColumns(NamedTuple):
    """The rows of some entries: each one's kind of play by its number among `keys`, its stem in the pack, and its
    frames. A row of no frames may stand for none."""

    keys: list[PlayKey]
    kinds: Places
    stems: Places
    frames: Places


def rows_of_entries(entries: Sequence[bytes]) -> Iterator[RowColumns]:
    """The rows of verified usage segments, for whoever adds them up elsewhere; those of entries that are not as
    expected are left out."""
    for first in range(0, len(entries), ENTRIES_MAX):
        part = entries[first : first + ENTRIES_MAX]
        octets = np.frombuffer(b"".join([*part, _SPARE]), np.uint8)
        found = _find(octets, np.fromiter(map(len, part), np.int64, len(part)))
        counts = (found.stems_end - found.stems) // 2
        chosen = np.flatnonzero(found.fine & (counts > 0))
        keys, kinds = _kinds(octets, found, chosen)
        lines, stems, frames = _rows(octets, found.stems[chosen], found.frames[chosen], counts[chosen])
        yield RowColumns(keys, kinds[lines].repeat(_ROWS), stems.ravel(), frames.ravel())


def _find(octets: Octets, sizes: Places) -> _Found:
    """Walk through the fields of all entries at once. Looking is clipped to what there is, so that an entry that is not
    fine leads nowhere."""
    ends = sizes.cumsum()
    at = ends - sizes + _PAYLOAD_AT
    at += _LENGTHS[octets.take(at, mode="clip")] + 2
    found: dict[str, Places] = {}
    fine = np.ones(len(sizes), bool)
    for key, name, kind, bound in Usage.FIELDS[: _UNTIL + 1]:
        if kind.endswith("?"):
            more = _LENGTHS[octets.take(at + 1, mode="clip")] + 1
            at = at + more * (octets.take(at, mode="clip") == key)
            continue
        if kind in _COLUMN_HEADS:
            for number, octet in enumerate(bytes((key,)) + _COLUMN_HEADS[kind]):
                fine &= octets.take(at + number, mode="clip") == octet
            found[name], at = _string(octets, at + 3)
            found[f"{name}_end"] = at
        elif kind == "bytes":
            at = at + 1 + len(dumps(bytes(bound)))
            found[name] = at - bound
        else:
            found[name] = at = at + 1
            at = at + _LENGTHS[octets.take(at, mode="clip")]
    fine &= (at <= ends) & (found["frames_end"] - found["frames"] == 2 * (found["stems_end"] - found["stems"]))
    rate_hz, tier = (_integer(octets, found[name]) for name in ("rate_hz", "tier"))
    columns = (found[name] for name in ("stems", "stems_end", "frames", "frames_end"))
    return _Found(fine & (rate_hz >= 0) & (tier >= 0), rate_hz, found["pack"], tier, *columns)


def _string(octets: Octets, at: Places) -> tuple[Places, Places]:
    """(begin, end) of byte strings of at most 65,535 bytes; (begin, begin) of what is no such string."""
    head, short, long = (octets.take(at + number, mode="clip").astype(np.int64) for number in range(3))
    # Most columns are of some hundred bytes or more; `numpy.select` costs four times as much.
    size = np.where(head == 0x59, (short << 8) + long, short)
    size = np.where(head < 0x58, np.maximum(head - 0x40, 0), np.where(head > 0x59, 0, size))
    begin = at + _LENGTHS[head]
    return begin, begin + size


def _integer(octets: Octets, at: Places) -> Places:
    """Integers of at most 32 bits; -1 for a longer one, or for what is none."""
    head = octets.take(at, mode="clip").astype(np.int64)
    values = np.where(head < 24, head, -1)
    for first, size in ((24, 1), (25, 2), (26, 4)):
        which = np.flatnonzero(head == first)
        if len(which):
            found = np.zeros(len(which), np.int64)
            for number in range(1, size + 1):
                found = (found << 8) + octets.take(at[which] + number, mode="clip")
            values[which] = found
    return values


def _kinds(octets: Octets, found: _Found, chosen: Places) -> tuple[list[PlayKey], Places]:
    """The kinds of play in these entries, and which of them each is of."""
    keys = np.zeros((len(chosen), _KEY_BYTES), np.uint8)
    keys[:, :8] = (found.rate_hz << 8 | found.tier)[chosen].astype("<i8")[:, None].view(np.uint8)
    keys[:, 8:] = _windows(octets, 32)[found.pack[chosen]]
    # A text of NumPy ends before its last zeros; of texts of one length no two become the same by that.
    texts: list[bytes] = keys.view(f"S{_KEY_BYTES}").ravel().tolist()
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    kinds = np.fromiter(map(numbers.__getitem__, texts), np.int64, len(texts))
    whole = [text.ljust(_KEY_BYTES, b"\0") for text in numbers]
    return [(text[8:], text[0], int.from_bytes(text[1:8], "little")) for text in whole], kinds


def _add(total: dict[PlayKey, Places], octets: Octets, found: _Found) -> None:
    """Add what sounded."""
    counts = (found.stems_end - found.stems) // 2
    chosen = np.flatnonzero(found.fine & (counts > 0))
    if not len(chosen):
        return
    keys, kinds = _kinds(octets, found, chosen)
    entries, stems, frames = _rows(octets, found.stems[chosen], found.frames[chosen], counts[chosen])
    stride = int(stems.max()) + 1
    if len(keys) > 1 and len(keys) * stride > _CELLS_MAX:
        _add_each(total, octets, found, chosen)
        return
    cells = np.zeros(len(keys) * stride, np.int64)
    np.add.at(cells, (stems + (kinds[entries] * stride)[:, None]).ravel(), frames.astype(np.int64).ravel())
    for key, played in zip(keys, cells.reshape(len(keys), stride), strict=True):
        total[key] = _sum(total[key], played) if key in total else played.copy()


def _add_each(total: dict[PlayKey, Places], octets: Octets, found: _Found, chosen: Places) -> None:
    """Half of them, and then the other half, where there are many kinds of play and packs of many stems."""
    for half in np.array_split(chosen, 2):
        part = np.zeros(len(found.fine), bool)
        part[half] = True
        _add(total, octets, found._replace(fine=part))


def _rows(octets: Octets, stems_at: Places, frames_at: Places, counts: Places) -> tuple[Places, Any, Any]:
    """(entries, stems, frames) of all rows, `_ROWS` of one entry in each line: what lies apart is copied in blocks.
    Rows that an entry has not are of stem 0 and of no frames."""
    lines = -(-counts // _ROWS)
    entries = np.arange(len(counts)).repeat(lines)
    ends = lines.cumsum()
    done = (np.arange(len(entries)) - (ends - lines)[entries]) * _ROWS
    stems = _windows(octets, 2 * _ROWS)[stems_at[entries] + 2 * done].view("<u2")
    frames = _windows(octets, 4 * _ROWS)[frames_at[entries] + 4 * done].view("<u4")
    there = np.arange(_ROWS) < (counts - (lines - 1) * _ROWS)[:, None]
    stems[ends - 1] *= there
    frames[ends - 1] *= there
    return entries, stems, frames


def _windows(octets: Octets, size: int) -> Octets:
    """All `size` octets that lie together, by the place of the first."""
    return np.ndarray((len(octets) - size + 1, size), np.uint8, octets, strides=(1, 1))


def _sum(one: Places, other: Places) -> Places:
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    longer[: len(shorter)] += shorter
    return longer
