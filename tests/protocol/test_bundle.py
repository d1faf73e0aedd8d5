"""Bundles: read in pieces of any size, and refused as a whole when a single byte is another."""

import random

import pytest

from amos.protocol import bundle_host as bundles
from amos.protocol.bundle_host import BundleHeader, BundleItem, BundleReader, BundleWriter
from amos.protocol.cbor import dumps
from amos.protocol.errors import MessageError, ProtocolError
from amos.protocol.ledger_limits import BUNDLE_ITEM_BYTES_MAX

HEADER = BundleHeader(version=1, site="harbour", courier=b"8 bytes.", unix_s=5, part=0)
ITEMS = [BundleItem(kind=bundles.TOOK, device_id=bytes(16), count=number) for number in range(5)]
ITEMS.append(BundleItem(kind=bundles.USAGE, device_id=bytes(16), content=bytes(16_896)))


def bundle(*items: BundleItem) -> bytes:
    writer = BundleWriter()
    return b"".join([writer.header(HEADER), *map(writer.add, items), writer.end()])


WHOLE = bundle(*ITEMS)


def read(data: bytes, step: int = 1 << 16) -> list[BundleItem]:
    reader, items = BundleReader(), []
    for at in range(0, len(data), step):
        items += reader.feed(data[at : at + step])
    assert reader.finish().site == "harbour"
    return items


@pytest.mark.parametrize("step", [1, 7, 1000, len(WHOLE)])
def test_pieces_of_any_size(step: int) -> None:
    assert [item.encode() for item in read(WHOLE, step)] == [item.encode() for item in ITEMS]


def test_torn_anywhere() -> None:
    for end in [*range(0, 200), *range(200, len(WHOLE), 501), len(WHOLE) - 1]:
        with pytest.raises(MessageError, match="torn"):
            read(WHOLE[:end])


def test_a_byte_that_is_another() -> None:
    chance = random.Random(5)
    for _turn in range(300):
        at = chance.randrange(len(WHOLE))
        with pytest.raises(ProtocolError):
            read(WHOLE[:at] + bytes((WHOLE[at] ^ chance.randrange(1, 256),)) + WHOLE[at + 1 :])


def test_what_stands_behind_the_end() -> None:
    with pytest.raises(MessageError, match="expected the end after its end mark"):
        read(WHOLE + dumps(ITEMS[0].encode()))


def test_kinds_to_come_are_read() -> None:
    assert [item.kind for item in read(bundle(BundleItem(kind=99, name="later")))] == [99]


@pytest.mark.parametrize(
    "data",
    [
        b"\x9f",
        b"\x5f\x41a\xff",
        b"\x5a\xff\xff\xff\xff",
        b"\x18\x18",
        dumps(bytes(BUNDLE_ITEM_BYTES_MAX + 1)),
        b"\x58\x05",
    ],
)
def test_refuses_what_is_no_short_byte_string(data: bytes) -> None:
    with pytest.raises(MessageError, match="bundle: expected"):
        BundleReader().feed(data)


def test_refuses_another_version() -> None:
    later = dumps({1: 2, 2: "harbour", 3: bytes(8), 4: 5, 5: 0})
    with pytest.raises(MessageError, match="version: expected 1, found 2"):
        BundleReader().feed(dumps(later))
