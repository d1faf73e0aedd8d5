"""SHA-512's block function in plain Python: for CPython's tests of our own code, and for ports without viper."""

import struct

from amos.compat import const
from amos.crypto.sha512_constants import ROUND_CONSTANTS

WORK_WORDS = 16  # the state alone

_MASK = const((1 << 64) - 1)
_ROUND = struct.unpack(">80Q", ROUND_CONSTANTS)


def _rotations(word: int, first: int, second: int, third: int) -> int:
    """Exclusive or of `word` rotated right by three distances; bits from 64 up are left for the caller to mask."""
    doubled = word | word << 64
    return doubled >> first ^ doubled >> second ^ doubled >> third


def _schedule(block: bytes) -> list:
    """The 80 words W of FIPS 180-4 §6.4.2, step 1."""
    words = list(struct.unpack(">16Q", block))
    for t in range(16, 80):
        early = words[t - 15]
        late = words[t - 2]
        sigma0 = (early | early << 64) >> 1 ^ (early | early << 64) >> 8 ^ early >> 7
        sigma1 = (late | late << 64) >> 19 ^ (late | late << 64) >> 61 ^ late >> 6
        words.append((sigma0 + sigma1 + words[t - 7] + words[t - 16]) & _MASK)
    return words


def compress(work, data, offset: int, count: int) -> None:
    """Fold `count` blocks of 128 bytes, from `offset` of `data`, into the state.

    `work` is an array of u32: words 0 to 15 hold the state, high half before low half of each 64-bit word.
    """
    state = [work[2 * i] << 32 | work[2 * i + 1] for i in range(8)]
    for start in range(offset, offset + 128 * count, 128):
        a, b, c, d, e, f, g, h = state
        for constant, word in zip(_ROUND, _schedule(bytes(data[start : start + 128]))):
            first = h + (_rotations(e, 14, 18, 41) & _MASK) + (e & f ^ ~e & g) + constant + word
            second = (_rotations(a, 28, 34, 39) & _MASK) + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = (first + second) & _MASK, a, b, c, (d + first) & _MASK, e, f, g
        state = [(old + new) & _MASK for old, new in zip(state, (a, b, c, d, e, f, g, h))]
    for i, word in enumerate(state):
        work[2 * i] = word >> 32
        work[2 * i + 1] = word & 0xFFFFFFFF
