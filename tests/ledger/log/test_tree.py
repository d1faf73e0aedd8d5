"""The incremental tree against the definitions of RFC 9162, written as plainly as they stand there."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.protocol.errors import ProofError
from amos.protocol.merkle import leaf_hash, root_from_path
from amos_ledger.log import tree


def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % index for index in range(size)]


class Stored:
    """Hashes by stored position, appended to and never changed."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.size = 0

    def read(self, level: int, index: int) -> bytes:
        return self.hashes[tree.stored_position(level, index)]

    def append(self, leaves: list[bytes]) -> None:
        for level, index, value in tree.grow(self.size, [leaf_hash(leaf) for leaf in leaves], self.read):
            assert tree.stored_position(level, index) == len(self.hashes)
            self.hashes.append(value)
        self.size += len(leaves)


def stored(size: int) -> Stored:
    result = Stored()
    result.append(entries(size))
    return result


@given(st.lists(st.integers(0, 40), max_size=8))
@settings(max_examples=60, deadline=None)
def test_root_is_the_same_however_the_leaves_were_batched(batches: list[int]) -> None:
    grown = Stored()
    for count in batches:
        grown.append(entries(grown.size + count)[grown.size :])
    assert grown.hashes == stored(sum(batches)).hashes
    for size in range(grown.size + 1):
        assert tree.root(size, grown.read) == mth(entries(size))


@given(st.integers(1, 300), st.data())
@settings(max_examples=150, deadline=None)
def test_inclusion_path_leads_to_the_root_of_any_earlier_size(total: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, total))
    index = data.draw(st.integers(0, size - 1))
    path = tree.inclusion_path(index, size, stored(total).read)
    leaf = leaf_hash(entries(total)[index])
    assert root_from_path(leaf, index, size, path) == mth(entries(size))
    assert len(path) <= (size - 1).bit_length()


def test_paths_of_every_leaf_of_every_small_tree() -> None:
    read = stored(40).read
    for size in range(1, 41):
        for index in range(size):
            path = tree.inclusion_path(index, size, read)
            assert root_from_path(leaf_hash(entries(40)[index]), index, size, path) == mth(entries(size))


def test_consistency_of_every_pair_of_small_trees() -> None:
    read = stored(40).read
    roots = [mth(entries(size)) for size in range(41)]
    for new in range(1, 41):
        for old in range(1, new + 1):
            proof = tree.consistency_proof(old, new, read)
            tree.check_consistency(old, new, roots[old], roots[new], proof)
            with pytest.raises(ProofError):
                tree.check_consistency(old, new, mth([*entries(old - 1), b"x"]), roots[new], proof)
            with pytest.raises(ProofError):
                tree.check_consistency(old, new, roots[old], roots[new], [*proof, bytes(32)])
            for place in range(len(proof)):
                broken = [*proof]
                broken[place] = bytes(32)
                with pytest.raises(ProofError):
                    tree.check_consistency(old, new, roots[old], roots[new], broken)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_a_leaf_outside_the_tree_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ProofError, match="expected a leaf index"):
        tree.inclusion_path(index, size, stored(5).read)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_sizes_that_cannot_be_consistent_are_refused(old: int, new: int) -> None:
    with pytest.raises(ProofError, match="expected an old size"):
        tree.consistency_proof(old, new, stored(5).read)
    with pytest.raises(ProofError, match="expected an old size"):
        tree.check_consistency(old, new, bytes(32), bytes(32), [])
