"""The Merkle tree that cuts a statement and its closing apart, since each proves the other. Pure.

The closing holds the RFC 9162 root over the *cores* of the statements in order of payee (`statement.core_bytes`); the
proofs around a core are outside of what is hashed.
"""

from collections.abc import Iterable, Sequence

from amos.protocol.merkle import leaf_hash, node_hash
from amos_ledger.log.tree import inclusion_path, root

HASH_BYTES = 32


class HashedStatements:
    """The RFC 9162 tree over the cores of a period's statements, in order of payee, given as leaf hashes."""

    def __init__(self, hashes: Iterable[bytes]) -> None:
        level = list(hashes)
        self._count, self._levels = len(level), list[bytes]()
        while level:
            self._levels.append(b"".join(level))
            level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]

    @property
    def root(self) -> bytes:
        """Of no statements, the hash of nothing (RFC 9162 §2.1.1)."""
        return root(self._count, self._read)

    def path(self, index: int) -> list[bytes]:
        """From core `index` up to the root."""
        return inclusion_path(index, self._count, self._read)

    def _read(self, level: int, index: int) -> bytes:
        return self._levels[level][HASH_BYTES * index : HASH_BYTES * (index + 1)]


def statements_tree(cores: Sequence[bytes]) -> HashedStatements:
    """The tree over these cores."""
    return HashedStatements(map(leaf_hash, cores))
