"""Receipts made together are those made one by one."""

from hashlib import sha256

import pytest

from amos.protocol.receipt import sign_receipt
from amos_ledger.log import tree
from amos_ledger.log.receipts import sign_receipts

LEDGER = bytes(range(16))


def sign(message: bytes) -> bytes:
    return sha256(message).digest() * 2


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 100, 255, 256, 257, 1000, 70_000])
def test_they_are_the_same_bytes(size: int) -> None:
    nodes = {}
    for level, index, value in tree.grow(0, (b"%032d" % leaf for leaf in range(size)), lambda *at: nodes[at]):
        nodes[level, index] = value

    def read(level: int, index: int) -> bytes:
        return nodes[level, index]

    root = tree.root(size, read)
    for leaves in ([size - 1], list(range(max(0, size - 300), size)), list(range(0, size, max(1, size // 9)))):
        for leaf, receipt in zip(leaves, sign_receipts(size, root, leaves, read, LEDGER, sign), strict=True):
            path = tree.inclusion_path(leaf, size, read)
            assert receipt == sign_receipt(size, leaf, path, root, LEDGER, sign)
