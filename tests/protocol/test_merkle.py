"""Inclusion proofs against a tree built as RFC 9162 §2.1 defines it, and receipts over them."""

import hashlib
from contextlib import suppress

import pytest

from amos import crypto
from amos.protocol.errors import ProofError, ProtocolError, SignatureError
from amos.protocol.merkle import leaf_hash, root_from_path
from amos.protocol.receipt import parse_receipt
from amos.protocol.signing import sign_receipt
from protocol_examples import Party

SIZE_MAX = 70
ENTRIES = [b"entry %d" % number for number in range(SIZE_MAX)]

# Leaves and roots that implementations of Certificate Transparency share as test vectors.
SHARED_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
SHARED_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def naive_root(entries: list[bytes]) -> bytes:
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(entries[:split]) + naive_root(entries[split:])).digest()


def naive_path(index: int, entries: list[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    split = 1
    while split * 2 < len(entries):
        split *= 2
    if index < split:
        return [*naive_path(index, entries[:split]), naive_root(entries[split:])]
    return [*naive_path(index - split, entries[split:]), naive_root(entries[:split])]


@pytest.mark.parametrize("size", sorted(SHARED_ROOTS))
def test_shared_vectors(size: int) -> None:
    entries = [bytes.fromhex(leaf) for leaf in SHARED_LEAVES[:size]]
    for index in range(size):
        root = root_from_path(leaf_hash(entries[index]), index, size, naive_path(index, entries))
        assert root.hex() == SHARED_ROOTS[size]


def test_every_leaf_of_every_size_leads_to_the_root() -> None:
    for size in range(1, SIZE_MAX + 1):
        entries = ENTRIES[:size]
        root = naive_root(entries)
        for index in range(size):
            path = naive_path(index, entries)
            assert root_from_path(leaf_hash(entries[index]), index, size, path) == root


def test_another_index_or_size_leads_elsewhere_or_nowhere() -> None:
    for size in range(2, 34):
        entries = ENTRIES[:size]
        root = naive_root(entries)
        for index in range(0, size, 3):
            path = naive_path(index, entries)
            for claimed_index in range(-1, size + 1):
                if claimed_index == index:
                    continue
                with suppress(ProofError):
                    assert root_from_path(leaf_hash(entries[index]), claimed_index, size, path) != root


def test_path_of_another_length_is_refused() -> None:
    for size in (1, 2, 3, 7, 8, 64, 65):
        for index in {0, size // 2, size - 1}:
            path = naive_path(index, ENTRIES[:size])
            with pytest.raises(ProofError):
                root_from_path(leaf_hash(ENTRIES[index]), index, size, [*path, bytes(32)])
            if path:
                with pytest.raises(ProofError):
                    root_from_path(leaf_hash(ENTRIES[index]), index, size, path[:-1])
                with pytest.raises(ProofError):
                    root_from_path(leaf_hash(ENTRIES[index]), index, size, [path[0][:31], *path[1:]])


LEDGER = Party(4)


@pytest.mark.parametrize("size", [2, 3, 8, 70])
def test_receipt_is_good_for_its_entry_key_and_place_alone(size: int) -> None:
    entries = ENTRIES[:size]
    index = size - 1
    root = naive_root(entries)
    receipt = parse_receipt(sign_receipt(size, index, naive_path(index, entries), root, LEDGER.id, LEDGER.sign))
    receipt.check(entries[index], LEDGER.public_key, crypto.verify)
    for entry in entries[:index]:
        with pytest.raises(SignatureError):
            receipt.check(entry, LEDGER.public_key, crypto.verify)
    with pytest.raises(SignatureError):
        receipt.check(entries[index], Party(5).public_key, crypto.verify)
    with pytest.raises(SignatureError):
        receipt.message.check(LEDGER.public_key, crypto.verify)  # the payload is detached
    for claimed in range(size):
        if claimed != index:
            receipt.leaf_index = claimed
            with pytest.raises(ProtocolError):
                receipt.check(entries[index], LEDGER.public_key, crypto.verify)
