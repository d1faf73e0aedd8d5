"""The pictures of the three pages stand where people read how to run them, and stay small."""

from screenshots import FOLDER, SIZES, size_of

BYTES_MAX = 150_000


def test_the_operating_guide_shows_the_three_pages() -> None:
    pictures = {path.stem: path for path in FOLDER.iterdir()}
    assert {*pictures} == {*SIZES}
    assert {name: size_of(path) for name, path in pictures.items()} == SIZES
    assert sum(path.stat().st_size for path in pictures.values()) < BYTES_MAX
    guide = (FOLDER.parent / "OPERATING.md").read_text()
    assert all(f"](screenshots/{name}.png)" in guide for name in SIZES)
