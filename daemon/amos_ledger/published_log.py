"""The entries, hashes and documents in an audit folder, read back. Nothing is trusted: who reads compares."""

from collections.abc import Iterator

from amos.protocol.errors import MessageError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos_ledger.log.tiles import BUNDLE_BYTES_MAX, HASH_BYTES, TILE_WIDTH, Tile, bundle_entries, narrowed
from amos_places.place import Place

_FOLDERS = {"manifest": "manifests", "catalogue": "catalogues"}


class PublishedLog:
    """What is at `place`, at a checkpoint of `size` entries."""

    def __init__(self, place: Place, size: int) -> None:
        self._place = place
        self.size = size
        self._bundle: tuple[int, list[bytes]] = -1, []
        self._tile: tuple[int, bytes] = -1, b""

    def bytes_of(self, tile: Tile) -> bytes | None:
        """The tile as far as it is wide, from its own file or from that of the full tile; None when there is none."""
        full = self._read(Tile(tile.level, tile.index, TILE_WIDTH).path)
        if full is None or tile.width == TILE_WIDTH:
            return full if tile.width == TILE_WIDTH else self._read(tile.path)
        return narrowed(tile, full)

    def partials(self, tile: Tile) -> Iterator[Tile]:
        """The forms of the tile that earlier, smaller trees left."""
        for path in sorted(self._place.names(tile.partials)):
            name = path.rpartition("/")[2]
            width = int(name) if name.isascii() and name.isdigit() else 0
            if 0 < width < tile.width:
                yield Tile(tile.level, tile.index, width)

    def entry(self, index: int) -> bytes | None:
        """The published entry at this leaf, or None."""
        number, place = divmod(index, TILE_WIDTH)
        if self._bundle[0] != number:
            self._bundle = number, _entries(self.bytes_of(self._tile_at(None, number)) or b"")
        entries = self._bundle[1]
        return entries[place] if index < self.size and place < len(entries) else None

    def leaf(self, index: int) -> bytes | None:
        """The published leaf hash, or None."""
        number, place = divmod(index, TILE_WIDTH)
        if self._tile[0] != number:
            self._tile = number, self.bytes_of(self._tile_at(0, number)) or b""
        found = self._tile[1][HASH_BYTES * place : HASH_BYTES * (place + 1)]
        return found if index < self.size and len(found) == HASH_BYTES else None

    def document(self, kind: str, sha256: bytes) -> bytes:
        """The document of this kind. Raises `LookupError`."""
        data = self._read(f"{_FOLDERS[kind]}/{sha256.hex()}.cose", CATALOGUE_BYTES_MAX)
        if data is None:
            raise LookupError(f"{kind} {sha256.hex()}: expected it to be published, found nothing")
        return data

    def _tile_at(self, level: int | None, number: int) -> Tile:
        return Tile(level, number, max(1, min(TILE_WIDTH, self.size - number * TILE_WIDTH)))

    def _read(self, name: str, bytes_max: int = BUNDLE_BYTES_MAX) -> bytes | None:
        try:
            return self._place.read(name, bytes_max)
        except OSError:
            return None


def _entries(data: bytes) -> list[bytes]:
    try:
        return bundle_entries(data)
    except MessageError:
        return []
