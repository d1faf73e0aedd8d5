"""The published tree: entry bundles and hash tiles (c2sp.org/tlog-tiles) against a signed root (RFC 9162 §2.1)."""

from collections.abc import Iterable, Iterator, Sequence

from amos.protocol.merkle import node_hash
from amos_tools.verify.errors import Difference, Unreadable
from amos_tools.verify.published import Published

TILE_WIDTH = 256
HASH_BYTES = 32
ENTRY_BYTES_MAX = 65_535
BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + ENTRY_BYTES_MAX)
EMPTY_ROOT = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def tile_number(number: int) -> str:
    """The path of a tile number: x001/x234/067 for 1234067."""
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03}")
    return "/".join(parts)


def read_tile(published: Published, level: str, number: int, width: int, bytes_max: int) -> tuple[str, bytes]:
    """(name, bytes) of a tile of which the first `width` items matter: the partial one, or the full one after it."""
    name = f"tile/{level}/{tile_number(number)}"
    partial = f"{name}.p/{width}"
    return published.first_of([name] if width == TILE_WIDTH else [partial, name], bytes_max)


def read_entries(published: Published, size: int) -> Iterator[bytes]:
    """The first `size` entries in order, one bundle in memory at a time. Raises `Unreadable`."""
    for number in range(-(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - number * TILE_WIDTH)
        name, bundle = read_tile(published, "entries", number, width, BUNDLE_BYTES_MAX)
        at = 0
        for item in range(width):
            length = int.from_bytes(bundle[at : at + 2], "big")
            entry = bundle[at + 2 : at + 2 + length]
            if len(bundle) < at + 2 or len(entry) != length:
                raise Unreadable(f"{name}: expected {width} entries, found the end in entry {item}")
            at += 2 + length
            yield entry
        # Only a full bundle that came after the checkpoint may hold more than the checkpoint covers.
        if at != len(bundle) and (width == TILE_WIDTH or name.endswith(f".p/{width}")):
            raise Unreadable(f"{name}: expected {width} entries, found {len(bundle) - at} more bytes")


def check_tiles(published: Published, roots: Sequence[bytes]) -> int:
    """Compare every hash tile above the leaves, given the roots of the full tiles of leaves; returns their number.
    Raises `Difference`, `Unreadable`."""
    count = 0
    level = 1
    hashes = roots
    while hashes:
        for number in range(-(-len(hashes) // TILE_WIDTH)):
            check_tile(published, level, number, hashes[number * TILE_WIDTH : (number + 1) * TILE_WIDTH])
            count += 1
        hashes = [root_of(hashes[at : at + TILE_WIDTH]) for at in range(0, len(hashes) - TILE_WIDTH + 1, TILE_WIDTH)]
        level += 1
    return count


def check_tile(published: Published, level: int, number: int, expected: Sequence[bytes]) -> None:
    """Compare one hash tile. Raises `Difference`, `Unreadable`."""
    name, tile = read_tile(published, str(level), number, len(expected), TILE_WIDTH * HASH_BYTES)
    for item, value in enumerate(expected):
        found = tile[item * HASH_BYTES : (item + 1) * HASH_BYTES]
        if found != value:
            index = number * TILE_WIDTH + item
            what = f"entry {index}" if level == 0 else f"subtree {index} of level {level}"
            raise Difference(f"{name}, hash of {what}", f"{value.hex()} by the published entries", found or "the end")
    exact = len(expected) == TILE_WIDTH or name.endswith(f".p/{len(expected)}")
    if exact and len(tile) != len(expected) * HASH_BYTES:
        raise Difference(f"{name}, size", len(expected) * HASH_BYTES, len(tile))


def root_of(hashes: Sequence[bytes]) -> bytes:
    """RFC 9162 root over leaf hashes (or over roots of complete subtrees of one size)."""
    return root_of_sized([(1, value) for value in hashes])


def root_of_sized(subtrees: Iterable[tuple[int, bytes]]) -> bytes:
    """The same over (leaves, root) of complete subtrees one after the other, none larger than the one before."""
    # Complete subtrees waiting for a sibling, largest first: the binary digits of the count.
    waiting: list[tuple[int, bytes]] = []
    for size, value in subtrees:
        while waiting and waiting[-1][0] == size:
            value = node_hash(waiting.pop()[1], value)
            size *= 2
        waiting.append((size, value))
    if not waiting:
        return EMPTY_ROOT
    root = waiting.pop()[1]
    while waiting:
        root = node_hash(waiting.pop()[1], root)
    return root
