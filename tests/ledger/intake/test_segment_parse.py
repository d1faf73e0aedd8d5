"""The fast way to read a segment and the strict codec accept the same bytes and give the same values."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.protocol.cbor import Tag, dumps, loads
from amos.protocol.cose import TYP_USAGE, Sign1, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_ledger.intake import segment_parse
from amos_ledger.intake.segment_parse import check_signature, decode_usage, parse_segment
from amos_tools.bench.ledger_fleet import Player

ODD_BYTES = (0x00, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x40, 0x58, 0x59, 0x5F, 0x9F, 0xB8, 0xBF, 0xC2, 0xD8, 0xF6, 0xFF)


def seal(rows: int, count: int = 1) -> bytes:
    player = Player(7, bytes(range(32)), rows)
    return [player.seal() for _ in range(count)][-1]


SEGMENTS = [seal(1), seal(100), seal(1200), seal(23, 40)]
PAYLOADS = [parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload for segment in SEGMENTS]


def outcome(read: Any, data: bytes) -> Any:
    try:
        found = read(data)
    except ProtocolError as error:
        return type(error), str(error)
    if isinstance(found, Sign1):
        values = {name: getattr(found, name) for name in Sign1.__slots__}
    else:
        values = dict(found.__dict__)
    return {name: (type(value), value) for name, value in values.items()}


def strict_parse(data: bytes) -> Sign1:
    return parse_typed(data, TYP_USAGE, SEGMENT_BYTES_MAX)  # type: ignore[no-any-return]


def mutated(data: bytes, number: int) -> bytes:
    """Bytes changed, cut out, put in or taken from elsewhere; most often in the head, where the structure is."""
    chance = random.Random(number)
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(chance.choice((12, len(result), len(result))))
        at = chance.choice((at, len(result) - 1 - at))
        kind, length = chance.randrange(6), chance.choice((1, 1, 2, 8))
        if kind < 2:
            result[at] = chance.choice((chance.randrange(256), *ODD_BYTES))
        elif kind == 2:
            result[at] ^= 1 << chance.randrange(8)
        elif kind == 3:
            del result[at : at + length]
        elif kind == 4:
            result[at:at] = bytes(chance.choice(ODD_BYTES) for _ in range(length))
        else:
            source = chance.randrange(len(result))
            result[at : at + length] = result[source : source + length]
        if not result:
            break
    return bytes(result)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_fast_way_is_taken(payload: bytes) -> None:
    assert segment_parse._decoded(payload) is not None


@given(st.sampled_from(range(len(SEGMENTS))), st.integers(0, 1 << 32))
@settings(max_examples=600)
def test_mutated_bytes_are_judged_alike(which: int, number: int) -> None:
    segment = mutated(SEGMENTS[which], number)
    assert outcome(parse_segment, segment) == outcome(strict_parse, segment)
    payload = mutated(PAYLOADS[which], number)
    assert outcome(decode_usage, payload) == outcome(Usage.decode, payload)


@given(st.data())
@settings(max_examples=400)
def test_changed_fields_are_judged_alike(data: st.DataObject) -> None:
    fields = loads(data.draw(st.sampled_from(PAYLOADS)))
    numbers = st.one_of(
        st.integers(0, 40), st.sampled_from([2**bits + add for bits in (8, 16, 32, 63) for add in (-1, 0)])
    )
    values = st.one_of(
        numbers, st.integers(-3, -1), st.binary(max_size=40), st.none(), st.booleans(), st.text(max_size=2),
        st.builds(Tag, st.sampled_from((64, 69, 70, 78, 2)), st.binary(max_size=80)),
    )  # fmt: skip
    for key in data.draw(st.lists(st.integers(0, 38), min_size=1, max_size=3)):
        if data.draw(st.booleans()):
            fields.pop(key, None)
        else:
            fields[key] = data.draw(values)
    payload = dumps(fields)
    assert outcome(decode_usage, payload) == outcome(Usage.decode, payload)


def longer(head: int, argument: bytes) -> bytes:
    return bytes((head,)) + argument


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\x01\x02\x02\x50", b"\x01\x18\x02\x02\x50"),  # an integer in two bytes that fits one
        (b"\x01\x02\x02\x50", b"\x18\x01\x02\x02\x50"),  # so for a key
        (b"\x02\x50", b"\x02\x58\x10"),  # and for a length
        (b"\x13\xd8\x45", b"\x13\xd9\x00\x45"),  # and for a tag
        (b"\x17\xd8\x46\x40", b"\x17\xd8\x46\x58\x00"),
        (b"\x17\xd8\x46\x40", b"\x17\xd8\x46\x5f\xff"),
        (b"\x01\x02\x02\x50", b"\x01\xc2\x41\x02\x02\x50"),  # a bignum
        (b"\xb8", b"\xb9\x00"),
    ],
)
def test_what_is_not_canonical_is_refused_in_the_strict_words(before: bytes, after: bytes) -> None:
    payload = PAYLOADS[1].replace(before, after, 1)
    assert payload != PAYLOADS[1] and segment_parse._decoded(payload) is None
    assert outcome(decode_usage, payload) == outcome(Usage.decode, payload)
    assert isinstance(outcome(decode_usage, payload), tuple)


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
def test_the_same_bytes_are_verified(size: int) -> None:
    message = parse_segment(SEGMENTS[0])
    message.payload = bytes(size)
    seen: list[tuple[bytes, ...]] = []

    def verify(*what: bytes) -> bool:
        seen.append(what)
        return True

    check_signature(message, bytes(32), verify)
    message.check(bytes(32), verify)
    assert seen[0] == seen[1]
