"""Entries of the log that are one line of text: words between single spaces, a line feed at the end (SPEC section 14).

They are signed as the log's first entry is, by every checkpoint above them. Each text has one form only, so that a
reader that writes what it has read gets the same bytes.
"""

from amos.protocol.errors import MessageError
from amos.protocol.record import U63

HEX_DIGITS = "0123456789abcdef"


def genesis_entry(origin: str) -> bytes:
    """The first entry of the log of that name."""
    return b"amos-ledger/1 " + origin.encode() + b"\n"


def words_of(entry: bytes, prefix: bytes, count: int) -> "list[str] | None":
    """The `count` words behind the prefix, the last of which may hold spaces; None for an entry of another kind.

    Raises `MessageError`.
    """
    if entry[: len(prefix)] != prefix:
        return None
    text = entry[len(prefix) : -1]
    words = bytes(text).decode().split(" ", count - 1) if printable_ascii(text) else []
    if entry[-1:] != b"\n" or len(words) != count or "" in words:
        raise MessageError("%s: expected %d words and a line feed, found %r" % (prefix.decode(), count, entry[:60]))
    return words


def printable_ascii(text: bytes) -> bool:
    """Whether the bytes are ASCII from space to tilde."""
    return all(32 <= byte < 127 for byte in text)


def hex_word(word: str, size: int, what: str) -> bytes:
    """The bytes of a word of hexadecimal digits in small letters. Raises `MessageError`."""
    if len(word) != 2 * size or not all(digit in HEX_DIGITS for digit in word):
        raise MessageError("%s: expected %d hexadecimal digits, found %s" % (what, 2 * size, word[:80]))
    return bytes.fromhex(word)


def count_word(word: str, what: str) -> int:
    """The number of a word in shortest decimal digits. Raises `MessageError`."""
    digits = len(word) <= 19 and all(digit in "0123456789" for digit in word)
    if not digits or str(int(word)) != word or int(word) > U63:
        raise MessageError("%s: expected a count in shortest digits, found %s" % (what, word[:80]))
    return int(word)
