"""The fast way from a usage segment's bytes to its `Usage`, beside the strict codec of `amos.protocol`. Pure.

A pattern, made from the table of fields, matches the canonical encoding of a segment and nothing else: the shortest
integers, definite lengths, keys once and ascending. Where it finds the same places, the values are read in one go
(`_Layout`), and so are the columns of so many rows (`_Frame`). What it does not match, or what is out of bounds, goes
to the strict codec, which alone words refusals; so this can only be faster, and the tests hold that both accept the
same bytes and give the same values. cbor2 with a comparison of what it encodes again takes twice as long, and is a
dependency.
"""

import re
import struct
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from amos.protocol.cbor import dumps
from amos.protocol.cose import (
    ALG_ED25519,
    HEADER_ALG,
    HEADER_KID,
    HEADER_TYP,
    KID_BYTES,
    TYP_USAGE,
    Sign1,
    parse_typed,
    signature_input,
)
from amos.protocol.errors import SignatureError
from amos.protocol.limits import SEGMENT_BYTES_MAX, SEGMENT_ROWS_MAX, STEMS_MAX
from amos.protocol.segment import FLAGS_ALL, Usage

_UINT = rb"[\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00)..|\x1a(?!\x00\x00)....|\x1b(?!\x00\x00\x00\x00)........"
_COLUMNS = {"B": (b"\xd8\x40", 1), "H": (b"\xd8\x45", 2), "I": (b"\xd8\x46", 4), "i": (b"\xd8\x4e", 4)}
"""Type code → (head of the typed array's tag, bytes of an item)."""

_PROTECTED = dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: bytes(KID_BYTES), HEADER_TYP: TYP_USAGE})
_BEFORE_KID = b"\xd2\x84\x58" + bytes((len(_PROTECTED),)) + _PROTECTED[: _PROTECTED.index(bytes(KID_BYTES))]
_AFTER_KID = _PROTECTED[_PROTECTED.index(bytes(KID_BYTES)) + KID_BYTES :] + b"\xa0"
_MESSAGE = re.compile(
    re.escape(_BEFORE_KID) + rb"(.{16})" + re.escape(_AFTER_KID) + rb"(?:\x58[\x18-\xff]|\x59(?!\x00)..)", re.DOTALL
)
_SIZE_AT = len(_BEFORE_KID) + KID_BYTES + len(_AFTER_KID) + 1
_SIGNED = signature_input(_PROTECTED, b"")[: -len(_PROTECTED) - 2]
"""The start of what is signed, up to the protected header's bytes."""
_BEFORE_SIGNATURE = b"\x58\x40"
_SIGNATURE_ITEM_BYTES = 66
_HEADER_FROM, _HEADER_END = 4, 4 + len(_PROTECTED)


def parse_segment(segment: bytes) -> Sign1:
    """As `parse_typed` for a usage segment. Raises what that does."""
    found = _MESSAGE.match(segment)
    if found is None or len(segment) > SEGMENT_BYTES_MAX:
        return parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX)
    at = found.end()
    end = at + int.from_bytes(segment[_SIZE_AT:at], "big")
    if end + _SIGNATURE_ITEM_BYTES != len(segment) or segment[end : end + 2] != _BEFORE_SIGNATURE:
        return parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX)
    header = {HEADER_ALG: ALG_ED25519, HEADER_KID: found[1], HEADER_TYP: TYP_USAGE}
    return Sign1(segment[_HEADER_FROM:_HEADER_END], header, {}, segment[at:end], segment[end + 2 :])


def check_signature(message: Sign1, public_key: bytes, verify: Callable[[bytes, bytes, bytes], bool]) -> None:
    """As `message.check`, for a message with its payload. Raises `SignatureError`."""
    size = len(message.payload)
    if 255 < size < 65_536 and len(message.protected) == len(_PROTECTED):
        signed = b"".join((_SIGNED, message.protected, b"\x40\x59", size.to_bytes(2, "big"), message.payload))
        if not verify(public_key, signed, message.signature):
            raise SignatureError(f"signature: expected one by key {message.kid.hex()}")
    else:
        message.check(public_key, verify)


def _key(key: int) -> bytes:
    return re.escape(bytes((key,)) if key < 24 else bytes((0x18, key)))


def _pattern(fields: tuple[Any, ...]) -> bytes:
    """Matches these scalar fields one after the other, each value as a group."""
    parts = []
    for key, _name, kind, bound in fields:
        if kind.startswith("uint"):
            one = _key(key) + rb"(" + _UINT + rb")"
        else:
            one = _key(key) + re.escape(dumps(bytes(bound))[:-bound]) + rb"(.{%d})" % bound
        parts.append(rb"(?:" + one + rb")?" if kind.endswith("?") else one)
    return b"".join(parts)


_FIELDS = Usage.FIELDS
_FIRST = next(index for index, field in enumerate(_FIELDS) if field[2] in _COLUMNS)
_AFTER = next(index for index, field in enumerate(_FIELDS[_FIRST:], _FIRST) if field[2] not in _COLUMNS)
_ARRAYS = [
    (name, kind, bound, (bytes((key,)) if key < 24 else bytes((0x18, key))) + _COLUMNS[kind][0], _COLUMNS[kind][1])
    for key, name, kind, bound in _FIELDS[_FIRST:_AFTER]
]
_COLUMN_NAMES = [name for name, *_ in _ARRAYS]
_ROWS, _INPUTS = _ARRAYS[:4], _ARRAYS[4:]
_NUMBERS = {1: ("B", 23), 2: ("B", 0xFF), 3: ("H", 0xFFFF), 5: ("I", 0xFFFF_FFFF), 9: ("Q", (1 << 64) - 1)}
"""Bytes of an encoded integer → (how `struct` reads its value, the largest)."""
_LAYOUTS_MAX = 128
"""Remembered, of head and tail each: a fleet has a few dozen. Whoever says integers of other widths fills no memory."""


class _Layout:
    """Where the values of scalar fields stand in all bytes in which the pattern of these fields has found the same
    places: the widths of their integers are the same."""

    def __init__(self, fields: tuple[Any, ...], places: Sequence[tuple[int, int]]) -> None:
        present = [(field, *place) for field, place in zip(fields, places, strict=True) if place[0] >= 0]
        self.names = [name for (_key, name, _kind, _bound), _start, _end in present]
        self.doubtful: list[tuple[int, int]] = []
        """(which value, its bound) where integers of this width can be out of bounds."""
        formats, at = [">"], 0
        for index, ((_key, _name, kind, bound), start, end) in enumerate(present):
            if kind.startswith("uint"):
                code, largest = _NUMBERS[end - start]
                start += end - start > 1
                if largest > bound:
                    self.doubtful.append((index, bound))
            else:
                code = f"{end - start}s"
            formats.append(f"{start - at}x{code}")
            at = end
        self.unpack = struct.Struct("".join(formats)).unpack_from


class _Scalars:
    """Scalar fields one after the other."""

    def __init__(self, before: bytes, fields: tuple[Any, ...]) -> None:
        self._fields = fields
        self.match = re.compile(before + _pattern(fields), re.DOTALL).match
        self._layouts: dict[Any, _Layout] = {}

    def values(self, found: re.Match[bytes]) -> tuple[_Layout, tuple[Any, ...]] | None:
        """The values in bytes that match from their beginning on, and whose they are; None: one is out of bounds."""
        layout = self._layouts.get(found.regs)
        if layout is None:
            if len(self._layouts) >= _LAYOUTS_MAX:
                self._layouts.clear()
            layout = self._layouts[found.regs] = _Layout(self._fields, found.regs[1:])
        values = layout.unpack(found.string)
        for index, bound in layout.doubtful:
            if values[index] > bound:
                return None
        return layout, values


_HEAD, _TAIL = _Scalars(rb"\xb8[\x18-\xff]", _FIELDS[:_FIRST]), _Scalars(b"", _FIELDS[_AFTER:])


class _Blank:
    """A usage segment with fields of these layouts, before it says anything."""

    def __init__(self, before: _Layout, after: _Layout) -> None:
        self.names = [*before.names, *_COLUMN_NAMES, *after.names]
        self.fields = len(self.names)
        self.said: dict[str, Any] = dict.fromkeys(name for _key, name, _kind, _bound in _FIELDS)


_BLANKS: dict[tuple[_Layout, _Layout], _Blank] = {}


def _blank(before: _Layout, after: _Layout) -> _Blank:
    if len(_BLANKS) >= _LAYOUTS_MAX:
        _BLANKS.clear()
    found = _BLANKS[before, after] = _Blank(before, after)
    return found


def decode_usage(payload: bytes) -> Usage:
    """As `Usage.decode`. Raises what that does."""
    usage = _decoded(payload)
    return Usage.decode(payload) if usage is None else usage


def _decoded(payload: bytes) -> Usage | None:
    """The usage, or None where the strict codec has to judge."""
    usage = decode_but_rows(payload)
    return None if usage is None or not rows_fit(usage) else usage


def decode_but_rows(payload: bytes) -> Usage | None:
    """The usage, of which the rows are still to be judged (`batch_rows`), or None where the strict codec has to
    judge."""
    head = _HEAD.match(payload)
    if head is None:
        return None
    columns, at = _columns(payload, head.end())
    tail = _TAIL.match(payload[at:]) if at else None
    if tail is None or tail.end() != len(payload) - at:
        return None
    before, after = _HEAD.values(head), _TAIL.values(tail)
    if before is None or after is None:
        return None
    (begins, first), (ends, last) = before, after
    blank = _BLANKS.get((begins, ends)) or _blank(begins, ends)
    if blank.fields != payload[1]:
        return None
    usage: Usage = Usage.__new__(Usage)
    said = blank.said.copy()
    said.update(zip(blank.names, (*first, *columns, *last)))  # noqa: B905 - each is as long as its names
    usage.__dict__ = said
    return None if usage.facts_fault() or not _columns_fit(usage) else usage


def _columns(payload: bytes, at: int) -> tuple[Sequence["array[int]"], int]:
    """The columns that begin at `at`, and where they end, 0 when one is not as it has to be."""
    frame = _frame(_bytes_in(payload, at + len(_ROWS[0][3])) // _ROWS[0][4])
    if at + frame.size <= len(payload):
        stems_head, stems, starts_head, starts, frames_head, frames, flags_head, flags, rest = frame.unpack(payload, at)
        if (stems_head, starts_head, frames_head, flags_head, rest) == frame.between:
            rows = array("H", stems), array("I", starts), array("I", frames), array("B", flags)
            return (*rows, array("I"), array("B"), array("i")), at + frame.size
    return _any_columns(payload, at)


class _Frame:
    """What is before, between and behind the columns of so many rows, in a segment without inputs."""

    def __init__(self, rows: int) -> None:
        heads = [start + _bytes_head(rows * item_bytes) for _name, _kind, _bound, start, item_bytes in _ROWS]
        rest = b"".join(start + b"\x40" for _name, _kind, _bound, start, _bytes in _INPUTS)
        self.between = (*heads, rest)
        columns = (f"{len(head)}s{rows * item[4]}s" for head, item in zip(heads, _ROWS, strict=True))
        layout = struct.Struct("".join(columns) + f"{len(rest)}s")
        self.unpack, self.size = layout.unpack_from, layout.size


@lru_cache(SEGMENT_ROWS_MAX + 1)
def _frame(rows: int) -> _Frame:
    return _Frame(rows)


def _bytes_head(size: int) -> bytes:
    """Of a byte string, in its shortest form."""
    return dumps(bytes(size))[: -size or None]


def _bytes_in(payload: bytes, at: int) -> int:
    """How many bytes the byte string has that seems to begin there; none that is longer than columns may be."""
    head = payload[at : at + 3]
    if head[:1] == b"\x58" and len(head) > 1:
        return head[1]
    if head[:1] == b"\x59" and len(head) == 3:
        return min(head[1] << 8 | head[2], SEGMENT_ROWS_MAX * 2)
    return max(head[0] - 0x40, 0) if head and head[0] < 0x58 else 0


def _any_columns(payload: bytes, at: int) -> tuple[Sequence["array[int]"], int]:
    """As `_columns`, of a segment with inputs too."""
    columns = []
    for _name, kind, count_max, start, item_bytes in _ARRAYS:
        if not payload.startswith(start, at):
            return (), 0
        at += len(start)
        if at + 3 > len(payload):
            return (), 0
        size = payload[at] - 0x40
        if size == 0x18:
            size, at, least = payload[at + 1], at + 2, 24
        elif size == 0x19:
            size, at, least = payload[at + 1] << 8 | payload[at + 2], at + 3, 256
        elif 0 <= size < 0x18:
            at, least = at + 1, 0
        else:
            return (), 0
        if size < least or size % item_bytes or size > count_max * item_bytes or at + size > len(payload):
            return (), 0
        columns.append(array(kind, payload[at : at + size]))
        at += size
    return columns, at


def _columns_fit(usage: Usage) -> bool:
    """What `Usage.fault` says of the columns, but for what the rows hold."""
    if not len(usage.stems) == len(usage.starts) == len(usage.frames) == len(usage.flags):
        return False
    if not len(usage.input_starts) == len(usage.input_kinds) == len(usage.input_values):
        return False
    return not usage.input_starts or sum(usage.input_starts) <= usage.end_frame - usage.first_frame


def rows_fit(usage: Usage) -> bool:
    """What `Usage.fault` says of the rows, at once."""
    if not len(usage.stems):
        return True
    frames = np.frombuffer(usage.frames, np.uint32)
    ends = np.frombuffer(usage.starts, np.uint32).cumsum(dtype=np.int64)
    ends += frames
    span = usage.end_frame - usage.first_frame
    return bool(
        int(ends.max()) <= span and frames.all() and max(usage.stems) < STEMS_MAX and max(usage.flags) <= FLAGS_ALL
    )
