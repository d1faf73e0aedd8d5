"""The leaf hashes of a published log, held against its tiles and its root once, and kept as the roots of its tiles.

A tile has 256 leaves, so what is kept of an entry is an eighth of a byte. A leaf hash that is wanted is read from its
tile again, and believed because the tile has its root.
"""

from functools import lru_cache

from amos_tools.verify.errors import Difference, same
from amos_tools.verify.published import Published
from amos_tools.verify.tree import HASH_BYTES, TILE_WIDTH, check_tile, check_tiles, read_tile, root_of, root_of_sized

TILES_KEPT = 16


class Hashed:
    """Grows bundle by bundle to `size` leaves. Raises `Difference`, `Unreadable`."""

    def __init__(self, published: Published, size: int) -> None:
        self._published, self._size = published, size
        self._roots: list[bytes] = []
        self._rest: list[bytes] = []
        self._tile = lru_cache(TILES_KEPT)(self._read_tile)

    def add(self, hashes: bytes) -> None:
        """The next bundle's leaf hashes, which its hash tile must have."""
        leaves = _divided(hashes)
        check_tile(self._published, 0, len(self._roots), leaves)
        if len(leaves) == TILE_WIDTH:
            self._roots.append(root_of(leaves))
        else:
            self._rest = leaves

    def check_above(self) -> int:
        """Hold the tiles above the leaves against these; how many tiles there are in all."""
        return len(self._roots) + bool(self._rest) + check_tiles(self._published, self._roots)

    def check_again(self, first: int, hashes: bytes) -> None:
        """A bundle that is read again has the entries that it had."""
        number = first // TILE_WIDTH
        leaves = _divided(hashes)
        again = root_of(leaves) == self._roots[number] if number < len(self._roots) else leaves == self._rest
        if not again:
            raise Difference(f"entries {first} to {first + len(leaves) - 1}", "those that were read before", "others")

    def leaf(self, index: int) -> bytes:
        """The hash of an entry below the size."""
        number, place = divmod(index, TILE_WIDTH)
        return self._rest[place] if number == len(self._roots) else self._tile(number)[place]

    def root(self, size: int) -> bytes:
        """Of the first `size` leaves."""
        full, rest = divmod(size, TILE_WIDTH)
        leaves = [self.leaf(full * TILE_WIDTH + place) for place in range(rest)]
        return root_of_sized([(TILE_WIDTH, root) for root in self._roots[:full]] + [(1, leaf) for leaf in leaves])

    def _read_tile(self, number: int) -> list[bytes]:
        name, tile = read_tile(self._published, "0", number, TILE_WIDTH, TILE_WIDTH * HASH_BYTES)
        leaves = _divided(tile)
        same(f"{name}, root", self._roots[number], root_of(leaves))
        return leaves


def _divided(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
