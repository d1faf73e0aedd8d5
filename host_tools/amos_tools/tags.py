"""The tags of a stem, from the further columns of its sidecar: `mood` with `dusk, warm` tags it mood, dusk and warm."""

import re

from amos_tools.stems import StemFacts

_BETWEEN = re.compile(r"[,;|]")
_NO = frozenset(("no", "n", "0", "false", "-", "nein"))
_YES = frozenset(("yes", "y", "1", "true", "x", "ja"))


def tags_of(stem: StemFacts) -> frozenset[str]:
    """Names of columns that say something but no, and what stands in them, each part by itself; without capitals."""
    tags = set()
    for name, text in stem.tags:
        parts = _parts(text)
        if parts - _NO:
            tags.add(name.casefold())
            tags |= parts - _NO - _YES
    return frozenset(tags)


def tags_in(stem: StemFacts, column: str) -> frozenset[str]:
    """The tags that a stem has from one column."""
    wanted = column.strip().casefold()
    texts = [_parts(text) - _NO - _YES for name, text in stem.tags if name.casefold() == wanted]
    return frozenset().union(*texts)


AS_RECORDED = "as recorded"
"""A stem that is tagged so is not held up at its ends when a pack is built."""


def _parts(text: str) -> frozenset[str]:
    return frozenset(part.strip().casefold() for part in _BETWEEN.split(text)) - {""}


def has_tag(stem: StemFacts, tag: str) -> bool:
    """Whether the stem is tagged so; capitals make no difference."""
    return tag.strip().casefold() in tags_of(stem)
