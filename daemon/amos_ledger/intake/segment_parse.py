"""The fast way from a usage segment's bytes to its `Usage`, beside the strict codec of `amos.protocol`. Pure.

A pattern, made from the table of fields, matches the canonical encoding of a segment and nothing else: the shortest
integers, definite lengths, keys once and ascending. What it does not match, or what is out of bounds, goes to the
strict codec, which alone words refusals; so this can only be faster, and the tests hold that both accept the same bytes
and give the same values. cbor2 with a comparison of what it encodes again takes twice as long, and is a dependency.
"""

import re
from array import array
from collections.abc import Callable
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
from amos.protocol.limits import SEGMENT_BYTES_MAX, STEMS_MAX
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
_HEAD, _TAIL = _FIELDS[:_FIRST], _FIELDS[_AFTER:]
_HEAD_PATTERN = re.compile(rb"\xb8([\x18-\xff])" + _pattern(_HEAD), re.DOTALL)
_TAIL_PATTERN = re.compile(_pattern(_TAIL), re.DOTALL)
_ARRAYS = [
    (name, kind, bound, (bytes((key,)) if key < 24 else bytes((0x18, key))) + _COLUMNS[kind][0], _COLUMNS[kind][1])
    for key, name, kind, bound in _FIELDS[_FIRST:_AFTER]
]
_SCALARS = [(name, bound if kind.startswith("uint") else None) for _key_, name, kind, bound in _HEAD + _TAIL]


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
    head = _HEAD_PATTERN.match(payload)
    if head is None:
        return None
    values: dict[str, Any] = {}
    at = _columns(payload, head.end(), values)
    tail = _TAIL_PATTERN.fullmatch(payload, at) if at else None
    if tail is None:
        return None
    count, *scalars = head.groups() + tail.groups()
    present = len(_ARRAYS)
    for (name, bound), value in zip(_SCALARS, scalars, strict=True):
        if value is not None:
            present += 1
            if bound is not None:
                value = value[0] if len(value) == 1 else int.from_bytes(value[1:], "big")
                if value > bound:
                    return None
        values[name] = value
    if present != count[0]:
        return None
    usage: Usage = Usage.__new__(Usage)
    usage.__dict__.update(values)
    return None if usage.facts_fault() or not _columns_fit(usage) else usage


def _columns(payload: bytes, at: int, values: dict[str, Any]) -> int:
    """Where the columns that begin at `at` end, 0 when one is not as it has to be."""
    for name, kind, count_max, start, item_bytes in _ARRAYS:
        if not payload.startswith(start, at):
            return 0
        at += len(start)
        if at + 3 > len(payload):
            return 0
        size = payload[at] - 0x40
        if size == 0x18:
            size, at, least = payload[at + 1], at + 2, 24
        elif size == 0x19:
            size, at, least = payload[at + 1] << 8 | payload[at + 2], at + 3, 256
        elif 0 <= size < 0x18:
            at, least = at + 1, 0
        else:
            return 0
        if size < least or size % item_bytes or size > count_max * item_bytes or at + size > len(payload):
            return 0
        values[name] = array(kind, payload[at : at + size])
        at += size
    return at


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
