"""Signed messages with one number at an edge of what a message, a database or a sum can hold."""

from collections.abc import Callable, Iterator

from hypothesis import strategies as st

from amos.protocol.cbor import dumps, loads
from amos.protocol.cose import HEADER_TYP, parse, sign
from amos.protocol.record import UNIX_MS_MAX, UNIX_S_MAX, Record

EDGES = sorted(
    {edge + step for bits in (8, 16, 31, 32, 53, 62, 63) for edge in [1 << bits] for step in (-1, 0, 1)}
    | {bound + step for bound in (UNIX_S_MAX, UNIX_MS_MAX) for step in (-1, 0, 1)}
    | {0, 1, (1 << 64) - 2, (1 << 64) - 1}
)
VALUES = st.sampled_from(EDGES) | st.integers(0, (1 << 64) - 1)


def numbers(record: type[Record]) -> list[int]:
    """The keys of its unsigned integers."""
    return [key for key, _name, kind, _bound in record.FIELDS if kind.rstrip("?") == "uint"]


def altered(data: bytes, values: dict[int, int], sign_message: Callable[[bytes], bytes]) -> bytes:
    """A signed message with other numbers under these keys, signed anew: whoever holds the key can make it."""
    message = parse(data, 1 << 20)
    payload = loads(message.payload)
    payload.update(values)
    return bytes(sign(dumps(payload), message.header[HEADER_TYP], message.kid, sign_message))


def changes(record: type[Record]) -> st.SearchStrategy[dict[int, int]]:
    """One to three of its numbers at any value that the wire can carry."""
    return st.dictionaries(st.sampled_from(numbers(record)), VALUES, min_size=1, max_size=3)


def each_edge(record: type[Record]) -> Iterator[dict[int, int]]:
    """Each of its numbers at each edge, one at a time."""
    for key in numbers(record):
        for value in EDGES:
            yield {key: value}
