"""The entries of a log as mirrors publish them, each bundle checked against the signed checkpoint before it is used.

The order: the checkpoint's signature; then the hashes of full bundles (tiles of level 1) and of the last entries (the
last tile of level 0), which together give the root; then each bundle against its hash. So a spoilt bundle is found by
itself, and may come from another mirror.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from amos.crypto import verify
from amos.protocol.checkpoint_host import Checkpoint, open_checkpoint
from amos.protocol.errors import MessageError, ProtocolError
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos.protocol.limits import APPOINTMENT_BYTES_MAX
from amos.protocol.merkle import leaf_hash
from amos_ledger.errors import LedgerError
from amos_ledger.folder import ROTATION_NAME
from amos_ledger.folder_files import AUDIT
from amos_ledger.log import tree
from amos_ledger.log.tiles import BUNDLE_BYTES_MAX, HASH_BYTES, TILE_LEVELS, TILE_WIDTH, Tile, bundle_entries, narrowed
from amos_ledger.public import CHECKPOINT
from amos_places.errors import NotThere, PlaceFailed
from amos_places.place import Source as Mirror


class NoMirror(LedgerError):
    """None of the mirrors has a log that can be believed."""


class TwoHistories(LedgerError):
    """Two mirrors have checkpoints of this ledger of which neither continues the other."""


@dataclass(frozen=True)
class Source:
    """A mirror, and the tree head that it shows, as signed."""

    mirror: Mirror
    head: Checkpoint
    note: bytes


def read_head(mirror: Mirror, origin: str, own_keys: Sequence[bytes]) -> Source:
    """The head of a copy of the audit folder, or of a public folder that has it inside; by any of these keys, of which
    the entries tell later whether it was the one in force. Raises `PlaceFailed` for a mirror without this ledger's
    checkpoint."""
    inside = mirror.below(AUDIT)
    with suppress(NotThere):
        inside.read(CHECKPOINT, CHECKPOINT_BYTES_MAX)
        mirror = inside
    note = mirror.read(CHECKPOINT, CHECKPOINT_BYTES_MAX)
    refusal: ProtocolError | None = None
    for key in own_keys:
        try:
            return Source(mirror, open_checkpoint(note, origin, key, verify), note)
        except ProtocolError as error:
            refusal = refusal or error
    raise PlaceFailed(f"{mirror.name}: {refusal}{_later_key(mirror, len(own_keys))}")


def _later_key(mirror: Mirror, number: int) -> str:
    """What may be missing, where the mirror knows of one more rotation than there are keys here."""
    try:
        mirror.read(ROTATION_NAME.format(number), APPOINTMENT_BYTES_MAX)
    except PlaceFailed:
        return ""
    return f"; the ledger's key was changed since, so put the copy of ledger-{number}.key into its folder first"


class MirroredLog:
    """The log under the highest head of `sources`, which are tried in turn for each bundle.

    `spare(index, width)` gives bytes of a bundle that an earlier, broken off attempt fetched, or None.
    """

    def __init__(self, sources: Sequence[Source], spare: Callable[[Tile], bytes | None] = lambda tile: None) -> None:
        self._sources = sorted(sources, key=lambda source: -source.head.size)
        self._spare = spare
        self.failures: list[str] = []
        self.head, self.note, self._hashes, self._tail = self._skeleton()

    def bundles(self) -> Iterator[tuple[Tile, bytes]]:
        """Every bundle in order. Raises `NoMirror` when none has the one that the checkpoint commits to."""
        for index in range(-(-self.head.size // TILE_WIDTH)):
            tile = Tile(None, index, min(TILE_WIDTH, self.head.size - index * TILE_WIDTH))
            yield tile, self._bundle(tile)

    def check_others(self, read: tree.Read) -> None:
        """Raise `TwoHistories` unless the log, whose stored hashes `read` gives, continues every mirror's."""
        for source in self._sources:
            if source.head.size <= self.head.size and tree.root(source.head.size, read) != source.head.root:
                raise TwoHistories(
                    f"{source.mirror.name}: expected the root that the log has for {source.head.size} entries, found"
                    " another that this ledger signed; keep both checkpoints, and ask where each comes from"
                )

    def _skeleton(self) -> tuple[Checkpoint, bytes, list[bytes], list[bytes]]:
        for source in self._sources:
            try:
                hashes, tail = _tiles(source)
            except PlaceFailed as error:
                self.failures.append(str(error))
                continue
            return source.head, source.note, hashes, tail
        raise NoMirror(f"expected a mirror whose tiles fit its checkpoint; {'; '.join(self.failures) or 'none named'}")

    def _bundle(self, tile: Tile) -> bytes:
        kept = self._spare(tile)
        if kept is not None and self._fits(tile, kept):
            return kept
        failures = []
        for source in self._sources:
            try:
                data = _read_tile(source.mirror, tile, BUNDLE_BYTES_MAX)
            except PlaceFailed as error:
                failures.append(str(error))
                continue
            if self._fits(tile, data):
                return data
            failures.append(f"{source.mirror.name}/{tile.path}: expected the entries that the checkpoint commits to")
        raise NoMirror(f"{tile.path}: {'; '.join(failures)}")

    def _fits(self, tile: Tile, data: bytes) -> bool:
        try:
            entries = bundle_entries(data)
        except MessageError:
            return False
        if len(entries) != tile.width:
            return False
        leaves = [leaf_hash(entry) for entry in entries]
        if tile.width < TILE_WIDTH:
            return leaves == self._tail
        return tree.root(TILE_WIDTH, _over(leaves, [])) == self._hashes[tile.index]


def _tiles(source: Source) -> tuple[list[bytes], list[bytes]]:
    """(hash of each full bundle, leaf hashes after them), which give the signed root. Raises `PlaceFailed`."""
    size = source.head.size
    full, rest = divmod(size, TILE_WIDTH)
    hashes = _level(source.mirror, 1, 0, full)
    tail = _level(source.mirror, 0, full * TILE_WIDTH, rest)
    if tree.root(size, _over(tail, hashes)) != source.head.root:
        raise PlaceFailed(f"{source.mirror.name}: expected tiles that give the root of its checkpoint, found others")
    return hashes, tail


def _level(mirror: Mirror, level: int, first: int, count: int) -> list[bytes]:
    """`count` hashes of a tile level, from `first` on, which begins a tile."""
    hashes: list[bytes] = []
    for at in range(first, first + count, TILE_WIDTH):
        width = min(TILE_WIDTH, first + count - at)
        data = _read_tile(mirror, Tile(level, at // TILE_WIDTH, width), TILE_WIDTH * HASH_BYTES)
        if len(data) != width * HASH_BYTES:
            raise PlaceFailed(f"{mirror.name}: expected {width} hashes in a tile of level {level}, found another size")
        hashes += [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]
    return hashes


def _read_tile(mirror: Mirror, tile: Tile, bytes_max: int) -> bytes:
    """A partial tile may be gone once the full one is there, which begins with what it held."""
    try:
        return mirror.read(tile.path, bytes_max)
    except NotThere:
        if tile.width == TILE_WIDTH:
            raise
        whole = mirror.read(Tile(tile.level, tile.index, TILE_WIDTH).path, bytes_max)
    return narrowed(tile, whole)


def _over(tail: Sequence[bytes], hashes: Sequence[bytes]) -> tree.Read:
    """Stored hashes of a tree of full bundles (`hashes`, of tile level 1) and the leaves after them."""
    known: dict[tuple[int, int], bytes] = {}
    for level, index, value in tree.grow(0, hashes, lambda level, index: known[level, index]):
        known[level, index] = value
    leaves: dict[tuple[int, int], bytes] = {}
    for level, index, value in tree.grow(0, tail, lambda level, index: leaves[level, index]):
        leaves[level, index] = value
    first = len(hashes) * TILE_WIDTH

    def read(level: int, index: int) -> bytes:
        if index << level >= first:
            return leaves[level, index - (first >> level)]
        return known[level - TILE_LEVELS, index]

    return read
