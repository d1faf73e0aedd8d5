"""Names that people type, or that come from a file system, compared as people read them."""

import difflib
import unicodedata
from collections.abc import Iterable

ALIKE = 0.6
"""How alike two names are, from 0 to 1, that one may be meant by the other: they share three letters of five."""
NAME_LETTERS_MAX = 80
"""More of a name is not compared: the time for it grows with its square."""


def nfc(text: str) -> str:
    """The text in Unicode's composed form: `é` is one letter, however a keyboard or a file system made it."""
    return unicodedata.normalize("NFC", text)


def same_name(one: str, other: str) -> bool:
    """Whether both read the same."""
    return nfc(one) == nfc(other)


def nearest(name: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """The known name that somebody may have meant, for a refusal."""
    found = {nfc(each).casefold(): each for each in known}
    match = difflib.get_close_matches(nfc(name[:NAME_LETTERS_MAX]).casefold(), found, n=1, cutoff=alike)
    return found[match[0]] if match else None


def hint(name: str, known: Iterable[str], alike: float = ALIKE) -> str:
    """What a refusal ends with: the nearest known name in a clause of its own, or nothing."""
    close = nearest(name, known, alike)
    return "" if close is None else f"; the nearest is {close}"
