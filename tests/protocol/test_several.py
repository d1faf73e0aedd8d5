"""Several envelopes or answers in one message, and what else it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.envelope_host import unwrap, wrap
from amos.protocol.errors import MessageError
from amos.protocol.ledger_limits import ENVELOPE_BYTES_MAX, SEVERAL_BYTES_MAX, SEVERAL_MAX
from amos.protocol.several_host import holds_several, join_several, split_several


def taken_apart(messages: list[bytes]) -> list[bytes]:
    return [item for message in messages for item in (split_several(message) if holds_several(message) else [message])]


@given(st.lists(st.binary(max_size=300).map(lambda data: b"\x00" + data), max_size=200))
def test_what_is_joined_comes_apart_in_the_same_order(items: list[bytes]) -> None:
    messages = join_several(items)
    assert taken_apart(messages) == items
    assert all(len(message) <= SEVERAL_BYTES_MAX for message in messages)
    assert len(messages) <= len(items) // SEVERAL_MAX + 2


@pytest.mark.parametrize("bytes_max", [SEVERAL_BYTES_MAX, 20_000])
def test_messages_keep_to_their_size(bytes_max: int) -> None:
    items = [bytes(9000)] * 20
    messages = join_several(items, bytes_max)
    assert taken_apart(messages) == items
    assert max(map(len, messages)) <= bytes_max < min(map(len, messages[:-1])) + 9002


def test_the_largest_envelopes_go_together_as_far_as_they_fit() -> None:
    items = [bytes(ENVELOPE_BYTES_MAX)] * 4
    assert [len(message) for message in join_several(items)] == [3 * (2 + ENVELOPE_BYTES_MAX) + 1, ENVELOPE_BYTES_MAX]


def test_one_stays_as_it_is() -> None:
    assert join_several([b"\x00ab"]) == [b"\x00ab"] and join_several([]) == []


def test_no_earlier_ledger_takes_several_for_a_segment() -> None:
    with pytest.raises(MessageError, match="expected content marker 0 or 1, found 2"):
        unwrap(join_several([wrap(b"one"), wrap(b"two")])[0])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x02",
        b"\x00\x00\x01a\x00\x01b",
        b"\x02\x00\x01a",
        b"\x02\x00\x01a\x00",
        b"\x02\x00\x01a\x00\x02b",
        b"\x02\x00\x01a\x00\x00",
        b"\x02" + b"\x00\x01a" * (SEVERAL_MAX + 1),
        b"\x02" + b"\x80\x00" + bytes(1 << 15) + b"\x80\x00" + bytes(1 << 15),
    ],
)
def test_nothing_else_is_taken(payload: bytes) -> None:
    with pytest.raises(MessageError, match="several: expected"):
        split_several(payload)


@given(st.binary(max_size=40))
def test_bytes_of_any_kind_are_refused_or_come_back_the_same(rest: bytes) -> None:
    try:
        items = split_several(b"\x02" + rest)
    except MessageError:
        return
    assert join_several(items) == [b"\x02" + rest]
