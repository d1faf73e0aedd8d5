"""Hash tiles and entry bundles of a store, as files of a place. What stands under such a name never changes."""

from collections.abc import Iterable

from amos_ledger.errors import EntryDamaged
from amos_ledger.log import tree
from amos_ledger.log.tiles import TILE_WIDTH, GrowingTile, Tile, bundle
from amos_ledger.store.store import Store
from amos_places.place import Place

TILES = "tile"


class TileFiles:
    """The tiles of `place`. What an earlier process left behind is looked at once, all of it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._complete = False
        self._growing: dict[int, GrowingTile] = {}

    def begun(self, size: int) -> int:
        """How many of the `size` leaves of an earlier tree have all their tiles, as far as is known."""
        return size if self._complete else 0

    def publish(self, store: Store, tiles: Iterable[Tile], read: tree.Read) -> None:
        """Write those of the tiles that are not there. Raises `EntryDamaged`, `OSError`."""
        there = set() if self._complete else self.place.names(TILES)
        for tile in tiles:
            if tile.path not in there:
                self.place.write(tile.path, self._bytes(store, tile, read))
            if tile.width == TILE_WIDTH:
                # Partial forms of older checkpoints may go once the full tile is there.
                self.place.remove(tile.partials)
        self._complete = True

    def _bytes(self, store: Store, tile: Tile, read: tree.Read) -> bytes:
        if tile.level is None:
            return bundle(entry for _index, entry in store.entries(tile.first, tile.first + tile.width))
        try:
            return self._growing.setdefault(tile.level, GrowingTile()).grown(tile, read)
        except LookupError as error:
            raise EntryDamaged(str(error)) from None


def publish_documents(store: Store, place: Place) -> None:
    """Write the manifests and catalogues that are not there."""
    for folder, sha256 in store.documents.names():
        name = f"{folder}/{sha256.hex()}.cose"
        if not place.has(name):
            place.write(name, store.documents.bytes_of(folder, sha256))
