"""Receipts made together are those made one by one."""

from hashlib import sha256

import pytest

from amos.protocol.cbor import dumps
from amos.protocol.signing import sign_receipt
from amos_ledger.log import encoding, tree
from amos_ledger.log.receipts import encoded_receipts, signed

LEDGER = bytes(range(16))


def sign(message: bytes) -> bytes:
    return sha256(message).digest() * 2


def sign_receipts(size: int, root: bytes, leaves: list[int], read: tree.Read) -> list[bytes]:
    return encoded_receipts(size, root, leaves, read, LEDGER, sign(signed(root, LEDGER)))


def grown(size: int) -> dict[tuple[int, int], bytes]:
    """(level, index) → stored hash of a tree of so many leaves."""
    nodes: dict[tuple[int, int], bytes] = {}
    for level, index, value in tree.grow(0, (b"%032d" % leaf for leaf in range(size)), lambda *at: nodes[at]):
        nodes[level, index] = value
    return nodes


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 100, 255, 256, 257, 1000, 70_000])
def test_they_are_the_same_bytes(size: int) -> None:
    nodes = grown(size)

    def read(level: int, index: int) -> bytes:
        return nodes[level, index]

    root = tree.root(size, read)
    for leaves in ([size - 1], list(range(max(0, size - 300), size)), list(range(0, size, max(1, size // 9)))):
        for leaf, receipt in zip(leaves, sign_receipts(size, root, leaves, read), strict=True):
            path = tree.inclusion_path(leaf, size, read)
            assert receipt == sign_receipt(size, leaf, path, root, LEDGER, sign)


@pytest.mark.parametrize("size", [2, 7, 8, 100])
def test_no_hash_that_is_damaged_comes_into_a_receipt(size: int) -> None:
    """Whichever stored hash rots: the paths that need it are not given, and all others are as they were."""
    nodes = grown(size)
    root = tree.root(size, lambda *at: nodes[at])
    leaves = list(range(size))
    whole = sign_receipts(size, root, leaves, lambda *at: nodes[at])
    refused = 0
    for place, value in nodes.items():
        rotten = {**nodes, place: bytes([value[0] ^ 1]) + value[1:]}
        for leaf in leaves:
            try:
                given = sign_receipts(size, root, [leaf], lambda *at, rotten=rotten: rotten[at])
            except LookupError:
                refused += 1
            else:
                assert given == [whole[leaf]]
        if place != (size.bit_length() - 1, 0) or size & (size - 1):
            with pytest.raises(LookupError):
                sign_receipts(size, root, leaves, lambda *at, rotten=rotten: rotten[at])
    assert refused


@pytest.mark.parametrize("number", [0, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, (1 << 63) - 1])
def test_heads_are_those_of_the_codec(number: int) -> None:
    assert encoding.uint(number) == dumps(number)
    if number <= 65_536:
        assert encoding.bytes_head(number) + bytes(number) == dumps(bytes(number))
        assert encoding.array_head(number) + bytes(number) == dumps([0] * number)
