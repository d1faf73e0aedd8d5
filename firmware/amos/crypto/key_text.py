"""Keys as people hand them on: 64 hexadecimal digits."""

from amos.compat import const

_KEY_DIGITS = const(64)
_DIGITS = "0123456789abcdefABCDEF"


def key_of_hex(text) -> "bytes | None":
    """The 32 bytes of a key in exactly 64 hexadecimal digits; None for anything else.

    `bytes.fromhex` alone takes spaces between the digits as well, so that two texts would name one key.
    """
    if not isinstance(text, str) or len(text) != _KEY_DIGITS or not all([letter in _DIGITS for letter in text]):
        return None
    return bytes.fromhex(text)
