"""Tiles: the specification's own example, its path example, and completeness for any growth."""

from hypothesis import given, settings
from hypothesis import strategies as st

from amos_ledger.log.tiles import TILE_WIDTH, Tile, bundle, tiles_between


def test_the_example_of_70000_leaves() -> None:
    tiles = list(tiles_between(0, 70_000))
    hashes = [tile for tile in tiles if tile.level is not None]
    full = {level: sum(tile.width == 256 for tile in hashes if tile.level == level) for level in (0, 1, 2)}
    partial = {tile.level: tile.width for tile in hashes if tile.width < 256}
    assert full == {0: 273, 1: 1, 2: 0}
    assert partial == {0: 112, 1: 17, 2: 1}


def test_256_leaves_are_a_full_tile_and_one_hash_above() -> None:
    assert [tile.path for tile in tiles_between(0, 256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


def test_paths_group_the_index_by_three_digits() -> None:
    assert Tile(0, 1234067, 256).path == "tile/0/x001/x234/067"
    assert Tile(None, 1000, 9).path == "tile/entries/x001/000.p/9"
    assert Tile(1, 999, 1).partials == "tile/1/999.p"


def test_entries_are_prefixed_with_their_length() -> None:
    assert bundle([b"ab", b"", b"c" * 300]) == b"\x00\x02ab" + b"\x00\x00" + b"\x01\x2c" + b"c" * 300


@given(st.lists(st.integers(0, 90_000), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_growth_in_steps_leaves_every_tile_of_the_last_tree(sizes: list[int]) -> None:
    sizes.sort()
    written = set()
    for old, new in zip([0, *sizes], sizes, strict=False):
        written |= {tile.path for tile in tiles_between(old, new)}
    wanted = {tile.path for tile in tiles_between(0, sizes[-1])}
    assert wanted <= written
    assert all(1 <= tile.width <= TILE_WIDTH for tile in tiles_between(0, sizes[-1]))
