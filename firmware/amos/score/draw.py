"""Random draws of a session: SHA-256 of where the draw belongs, so that no draw depends on another.

A draw is named by the session seed, the number of the section visit, the lane and its number within that lane. Adding a
lane (a layer) therefore leaves the draws of all others as they were, and a log can be replayed from the seed alone.
The bytes hashed are seed (32) ‖ visit u64 ‖ lane u32 ‖ number u32, little-endian; see SCORE.md.
"""

from hashlib import sha256
from struct import pack

from amos.compat import const

SEED_BYTES = const(32)
SECTION_LANE = const(0xFFFFFFFF)  # draws of the section itself: 0 its length, 1 the section after it
DRAW_BITS = const(64)
SEED_CONTEXT = b"amos/1/tool-seed\x00"


def draw(seed32: bytes, visit: int, lane: int, number: int) -> int:
    """The draw's value, 0 .. 2**64 - 1.

    `struct.pack` truncates silently on MicroPython, so the caller keeps the bounds:
    visit < 2**64, lane and number < 2**32.
    """
    return int.from_bytes(sha256(seed32 + pack("<QII", visit, lane, number)).digest()[:8], "little")


def below(value: int, bound: int) -> int:
    """Scale a draw to 0 .. bound - 1. The bias is at most bound / 2**64."""
    return value * bound >> DRAW_BITS


def numbered_seed(number: int) -> bytes:
    """The 32-byte seed for a number of 64 bits: of a script that says `seed 42`, and of `--seed 42`."""
    return sha256(SEED_CONTEXT + number.to_bytes(8, "big")).digest()
