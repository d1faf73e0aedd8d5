"""Names and contents of C2SP tlog-tiles (c2sp.org/tlog-tiles). Pure.

A tile is 256 hashes, a *bundle* the 256 entries below a tile of level 0. Both are named by what they hold, a partial
one also by its width, so what stands under a name never changes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from amos.protocol.errors import LocalError, MessageError
from amos.protocol.merkle import node_hash
from amos_ledger.log import tree

TILE_WIDTH = 256
TILE_LEVELS = 8
"""Tree levels between one tile level and the next: a full tile is one hash of the tile above."""

HASH_BYTES = 32

ENTRY_BYTES_MAX = 65_535
"""A bundle prefixes each entry with a 16-bit length."""

BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + ENTRY_BYTES_MAX)
"""A full bundle of the longest entries."""


@dataclass(frozen=True)
class Tile:
    """`width` hashes of tile level `level`, from `index` * 256 on; `level` None: the bundle of these entries."""

    level: int | None
    index: int
    width: int

    @property
    def first(self) -> int:
        """The first hash, counted at its tree level; of a bundle, the first entry."""
        return self.index * TILE_WIDTH

    @property
    def path(self) -> str:
        """Below the log's prefix, e.g. `tile/0/x001/x234/067.p/9`."""
        level = "entries" if self.level is None else str(self.level)
        whole = f"tile/{level}/{_grouped(self.index)}"
        return whole if self.width == TILE_WIDTH else f"{whole}.p/{self.width}"

    @property
    def partials(self) -> str:
        """The folder of this tile's partial forms, which may go once the tile is full."""
        return f"tile/{'entries' if self.level is None else self.level}/{_grouped(self.index)}.p"


def _grouped(number: int) -> str:
    """1234067 as x001/x234/067."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    return "/".join(groups)


def tiles_between(old: int, new: int) -> Iterator[Tile]:
    """Every tile and bundle that a tree of `new` leaves has and one of `old` leaves had not, bundles first."""
    for index, width in _widths(old, new):
        yield Tile(None, index, width)
    level = 0
    while new:
        for index, width in _widths(old, new):
            yield Tile(level, index, width)
        level, old, new = level + 1, old // TILE_WIDTH, new // TILE_WIDTH


def _widths(old: int, new: int) -> Iterator[tuple[int, int]]:
    """(index, width) of the tiles that `new` hashes of one level fill beyond the tiles of `old`."""
    if old == new:
        return
    for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
        yield index, min(TILE_WIDTH, new - index * TILE_WIDTH)


def bundle(entries: Iterable[bytes]) -> bytes:
    """The bytes of an entry bundle. Raises `LocalError` for an entry beyond 65,535 bytes."""
    parts = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES_MAX:
            raise LocalError(f"entry: expected at most {ENTRY_BYTES_MAX} bytes, found {len(entry)}")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def bundle_entries(data: bytes) -> list[bytes]:
    """The entries of a bundle. Raises `MessageError` when its lengths do not fit."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise MessageError(f"bundle: expected {end} bytes or more, found {len(data)}")
        entries.append(data[at + 2 : end])
        at = end
    return entries


def narrowed(tile: Tile, full: bytes) -> bytes:
    """The bytes of a partial tile, which those of the full one begin with. Of bytes that are no tile, some that fit
    no hash."""
    if tile.level is not None:
        return full[: tile.width * HASH_BYTES]
    end = 0
    for _ in range(tile.width):
        end += 2 + int.from_bytes(full[end : end + 2], "big")
    return full[:end]


class GrowingTile:
    """The hashes of the tile of one level that was asked for last, and the peaks above them. The next one is mostly the
    same with a few hashes more, so only these are read and hashed."""

    def __init__(self) -> None:
        self._index, self._hashes = 0, b""
        self._peaks: list[tuple[int, bytes]] = []
        """(level, hash), the highest first, as `tree.peaks` names them."""

    def grown(self, tile: Tile, read: tree.Read) -> bytes:
        """The hashes of `tile`. Raises `LookupError` unless they lead to the stored hashes above them, as `read` gives
        them: a tile folds into the largest complete subtrees that it covers, and of their roots tree heads are made."""
        assert tile.level is not None
        level, width = tile.level * TILE_LEVELS, len(self._hashes) // HASH_BYTES
        if self._index != tile.index or width > tile.width:
            self._hashes, self._peaks, width = b"", [], 0
        fresh = [read(level, index) for index in range(tile.first + width, tile.first + tile.width)]
        peaks = list(self._peaks)
        for value in fresh:
            above = 0
            while peaks and peaks[-1][0] == above:
                value, above = node_hash(peaks.pop()[1], value), above + 1
            peaks.append((above, value))
        for (above, index), (_above, value) in zip(tree.peaks(tile.width), peaks, strict=True):
            place = level + above, (tile.first >> above) + index
            if read(*place) != value:
                raise LookupError(f"tree: expected another hash at level {place[0]}, index {place[1]}")
        self._index, self._hashes, self._peaks = tile.index, self._hashes + b"".join(fresh), peaks
        return self._hashes
