"""Public keys as people type them."""

from amos.crypto.key_text import key_of_hex
from amos_cli.output import UsageError

SHOWN_LETTERS_MAX = 80


def public_key_of(text: str, option: str) -> bytes:
    """The key of 64 hex digits that `option` was given. Raises `UsageError`."""
    key = key_of_hex(text)
    if key is None:
        raise UsageError(f"{option}: expected a public key of 64 hex digits, found {text[:SHOWN_LETTERS_MAX]!r}")
    return bytes(key)
