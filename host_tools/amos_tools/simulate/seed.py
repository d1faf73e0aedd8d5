"""The session seed of a simulation or a render: from a number, or the 32 bytes of a session that was."""

import hashlib

from amos.score.draw import SEED_BYTES

_CONTEXT = b"amos/1/tool-seed\x00"
NUMBER_MAX = 2**64 - 1


class SeedError(ValueError):
    """A seed that is neither a number nor 64 hexadecimal digits."""


def seed32(text: str | int) -> bytes:
    """32 bytes: SHA-256 of the number in its context, or the 64 hexadecimal digits themselves. Raises `SeedError`.

    A player's own seeds derive from its key, so no number gives one: a session that was is repeated by its digits.
    """
    digits = str(text).strip()
    if len(digits) == 2 * SEED_BYTES:
        try:
            return bytes.fromhex(digits)
        except ValueError:
            pass
    if digits.isascii() and digits.isdigit() and int(digits[:21]) <= NUMBER_MAX and len(digits) <= 20:
        return hashlib.sha256(_CONTEXT + int(digits).to_bytes(8, "big")).digest()
    raise SeedError(f"seed: expected a number from 0 to {NUMBER_MAX}, or 64 hex digits, found {digits[:80]!r}")
