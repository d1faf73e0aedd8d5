"""Our CBOR and cbor2 hold each other to the same bytes and values."""

from collections.abc import Mapping
from typing import Any

import cbor2
from hypothesis import example, given
from hypothesis import strategies as st
from protocol_strategies import CBOR2_TAGS, integers, scalars, values

from amos.protocol.cbor import Tag, dumps, loads
from amos.protocol.errors import CborError


def has_meaning(number: int) -> bool:
    """Whether cbor2 turns what has this tag into a Python value (dates, bignums, shared references ...)."""
    return number < 300 or number in CBOR2_TAGS


def theirs(value: Any) -> Any:
    """The value as cbor2 takes it."""
    if isinstance(value, Tag):
        return cbor2.CBORTag(value.number, theirs(value.value))
    if isinstance(value, list):
        return [theirs(item) for item in value]
    if isinstance(value, dict):
        return {key: theirs(item) for key, item in value.items()}
    return value


def read_by_cbor2(data: bytes) -> Any:
    """What cbor2 reads, as we have it: it gives tuples and frozen maps inside tags."""

    def ours(value: Any) -> Any:
        if isinstance(value, cbor2.CBORTag):
            return Tag(value.tag, ours(value.value))
        if isinstance(value, list | tuple):
            return [ours(item) for item in value]
        if isinstance(value, Mapping):
            return {key: ours(item) for key, item in value.items()}
        return value

    return ours(cbor2.loads(data))


def tags(value: Any) -> list[int]:
    if isinstance(value, Tag):
        return [value.number, *tags(value.value)]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [number for child in children for number in tags(child)]


def same(left: Any, right: Any) -> bool:
    """Equal, with true apart from 1."""
    return repr(left) == repr(right)


@given(values)
def test_comes_back_as_it_went(value: Any) -> None:
    back = loads(dumps(value))
    assert back == value
    assert dumps(back) == dumps(value)


@given(values)
def test_cbor2_reads_the_same_value(value: Any) -> None:
    assert same(read_by_cbor2(dumps(value)), loads(dumps(value)))


positive = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, (1 << 64) - 1), inner, max_size=6),
    max_leaves=12,
)


@given(positive)
def test_cbor2_writes_the_same_bytes_where_orders_agree(value: Any) -> None:
    # cbor2 sorts keys by length first (RFC 7049): the same order for keys of one sign.
    assert dumps(value) == cbor2.dumps(theirs(value), canonical=True)


@given(st.dictionaries(integers, st.just(0), min_size=2, max_size=8))
def test_keys_are_in_the_order_of_their_bytes(value: dict[int, int]) -> None:
    keys = [cbor2.dumps(key) for key in sorted(value, key=cbor2.dumps)]
    assert dumps(value) == cbor2.dumps(len(value) | 0xA0)[1:] + b"\x00".join(keys) + b"\x00"


def accepted(data: bytes) -> bool:
    """Whether ours takes the bytes; if so, they are what ours writes, and cbor2 has the same value."""
    try:
        value = loads(data)
    except CborError:
        return False
    assert dumps(value) == data
    if not any(map(has_meaning, tags(value))):
        assert same(read_by_cbor2(data), value)
    return True


@given(st.binary(max_size=60))
@example(b"\xa2\x00\x01\x00\x02")
@example(b"\xd9\x01\x00\x81\x00")
@example(b"\xd9\x03\xec\x00")
def test_random_bytes_are_canonical_or_refused(data: bytes) -> None:
    accepted(data)


@given(values, st.data())
def test_changed_bytes_are_canonical_or_refused(value: Any, data: st.DataObject) -> None:
    changed = bytearray(dumps(value))
    for _change in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(["flip", "insert", "delete"]))
        if kind == "flip":
            changed[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "insert":
            changed.insert(at, data.draw(st.integers(0, 255)))
        elif len(changed) > 1:
            del changed[at]
    accepted(bytes(changed))


@given(values, st.binary(min_size=1, max_size=3))
def test_nothing_may_follow(value: Any, more: bytes) -> None:
    assert not accepted(dumps(value) + more)


@given(st.dictionaries(integers, st.integers(0, 9), min_size=2, max_size=5), st.randoms())
def test_cbor2_in_another_order_is_refused(value: dict[int, int], shuffle: Any) -> None:
    keys = list(value)
    shuffle.shuffle(keys)
    encoded = cbor2.dumps({key: value[key] for key in keys})
    assert accepted(encoded) == (keys == sorted(keys, key=cbor2.dumps))


@given(st.floats() | st.datetimes().map(str).map(lambda text: {text: 1}) | st.just(cbor2.undefined))
def test_what_only_cbor2_knows_is_refused(value: Any) -> None:
    assert not accepted(cbor2.dumps(value))


@given(st.lists(st.integers(0, 9), max_size=5))
def test_indefinite_lengths_are_refused(items: list[int]) -> None:
    inner = b"".join(map(cbor2.dumps, items))
    assert cbor2.loads(b"\x9f" + inner + b"\xff") == items
    assert not accepted(b"\x9f" + inner + b"\xff")


def long_head(major: int, argument: int, size: int) -> bytes:
    return bytes((major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size],)) + argument.to_bytes(size, "big")


@given(st.sampled_from([0, 1]), integers.filter(lambda number: number >= 0), st.sampled_from([1, 2, 4, 8]))
def test_only_the_shortest_integer_is_taken(major: int, argument: int, size: int) -> None:
    if argument >= 1 << (8 * size):
        return
    encoded = long_head(major, argument, size)
    assert cbor2.loads(encoded) == (argument if major == 0 else -1 - argument)
    assert accepted(encoded) == (encoded == cbor2.dumps(cbor2.loads(encoded)))
