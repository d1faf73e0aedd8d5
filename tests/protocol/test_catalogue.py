"""The catalogue's two versions: a kept one of the first is read as ever, and holds nothing of the second."""

from typing import Any

import pytest

from amos.crypto import verify
from amos.protocol.catalogue import Catalogue, Composer, Share, Work, open_catalogue
from amos.protocol.errors import LocalError, MessageError
from protocol_examples import Examples

KEPT_VERSION_1 = bytes.fromhex(
    "d284582aa301320450b62e867fa2f33afe62d5d6b1642e16211073616d6f732d636174616c6f6775652b636f7365a058"
    "84a3010102070382a501509d9982080fd48f7d234aac0dc8df9f1a0263466f670363416461046c515a45533732363030"
    "3030310582a20163616461021a000b71b0a2016a63792d7265636f726473021a0003d090a40150d5803722f3983afbfa"
    "30b24a1ea991d10264546964650366426ac3b6726b0581a20165626a6f726b021a000f424058403fd65608701b16d3fd"
    "3d53aeb89bf17a97ca8ca91d6a74f88e8235aa617f4eb5cab4b9dd03687c97b6b9f01da60d8173443c7bbd9bc182e4af"
    "f0ca918ff43104"
)
"""The example of SPEC.md when there was no other version, byte for byte."""

CREDITS = [
    ("iswc", "T0345246801"),
    ("composers", [Composer(name="Ada North")]),
    ("publisher", "Kite"),
    ("label", "Harbour"),
    ("upc", "036000291452"),
    ("ai_use", 0),
    ("training", False),
]


def catalogue(version: int, **credits: Any) -> Catalogue:
    work = Work(stem_id=bytes(16), title="Fog", artist="Ada", splits=[Share(payee="ada", ppm=1_000_000)], **credits)
    return Catalogue(version=version, serial=1, works=[work])


def test_a_kept_catalogue_of_version_1_is_read_and_says_nothing_of_credits() -> None:
    kept = open_catalogue(KEPT_VERSION_1, Examples().publisher.public_key, verify)
    assert (kept.version, kept.serial) == (1, 7)
    assert [(work.title, work.artist, work.isrc) for work in kept.works] == [
        ("Fog", "Ada", "QZES72600001"),
        ("Tide", "Björk", None),
    ]
    assert not any(work.has_credits() for work in kept.works)
    assert [getattr(kept.works[0], name) for name, _value in CREDITS] == [None] * len(CREDITS)


@pytest.mark.parametrize(("name", "value"), CREDITS)
def test_version_1_has_no_place_for_credits(name: str, value: Any) -> None:
    with pytest.raises(LocalError, match="works: expected none with credits in version 1"):
        catalogue(1, **{name: value}).encode()
    map_of_2 = catalogue(2, **{name: value}).to_map()
    assert getattr(Catalogue.from_map(map_of_2).works[0], name) is not None
    with pytest.raises(MessageError, match="works: expected none with credits in version 1"):
        Catalogue.from_map({**map_of_2, 1: 1})


@pytest.mark.parametrize("version", [0, 3])
def test_another_version_is_refused(version: int) -> None:
    with pytest.raises(LocalError, match=f"version: expected 1 or 2, found {version}"):
        catalogue(version).encode()


def test_a_list_of_no_composers_is_refused() -> None:
    with pytest.raises(LocalError, match="composers: expected at least one"):
        catalogue(2, composers=[]).encode()
