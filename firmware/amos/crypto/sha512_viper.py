"""SHA-512's block function in MicroPython's viper: 64-bit words as two 32-bit halves. Imported on MicroPython only.

The same source is right on 32-bit and 64-bit builds because of three habits. Loads from `ptr32` are cast to `uint`, so
that `>>` shifts zeros in on 32-bit builds as on 64-bit ones. Sums of low halves are masked before a comparison finds
the carry (a 64-bit machine word does not wrap at 32 bits). Stores to `ptr32` drop what lies above 32 bits, so other
garbage there needs no mask as long as it is never shifted right.
"""

# mypy: ignore-errors

import struct
from array import array

import micropython

from amos.crypto.sha512_constants import ROUND_CONSTANTS

# u32 words: 16 of state; 160 of message schedule; 84 steps of (a high, a low, e high, e low), four of them the start.
WORK_WORDS = 16 + 160 + 84 * 4

_ROUND = array("I", struct.unpack(">160I", ROUND_CONSTANTS))


@micropython.viper
def _schedule(work: ptr32, message: ptr8, p: int):
    """The 80 words W of FIPS 180-4 §6.4.2, step 1, of the block at byte `p`, as halves from `work[16]` on."""
    mask = uint(0xFFFF)
    mask = mask << 16 | mask
    i = 16
    while i < 48:
        work[i] = message[p] << 24 | message[p + 1] << 16 | message[p + 2] << 8 | message[p + 3]
        i += 1
        p += 4
    while i < 176:
        high = uint(work[i - 30])
        low = uint(work[i - 29])
        sum_high = (high >> 1 | low << 31) ^ (high >> 8 | low << 24) ^ high >> 7
        sum_low = ((low >> 1 | high << 31) ^ (low >> 8 | high << 24) ^ (low >> 7 | high << 25)) & mask
        high = uint(work[i - 4])
        low = uint(work[i - 3])
        sum_high += (high >> 19 | low << 13) ^ (low >> 29 | high << 3) ^ high >> 6
        term = ((low >> 19 | high << 13) ^ (high >> 29 | low << 3) ^ (low >> 6 | high << 26)) & mask
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        term = uint(work[i - 13])
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        term = uint(work[i - 31])
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        work[i] = sum_high + uint(work[i - 14]) + uint(work[i - 32])
        work[i + 1] = sum_low
        i += 2


@micropython.viper
def _rounds(work: ptr32, constants: ptr32):
    """The 80 rounds, FIPS 180-4 §6.4.2 steps 2 to 4.

    Instead of moving eight variables along, every step appends its new a and e: b, c, d are the three a before it and
    f, g, h the three e before it. One long function because viper cannot inline and a call costs more than a sum.
    """
    mask = uint(0xFFFF)
    mask = mask << 16 | mask
    i = 0
    while i < 4:  # state a..h; step 3 holds a and e, step 0 holds d and h
        j = 176 + 4 * (3 - i)
        work[j] = work[2 * i]
        work[j + 1] = work[2 * i + 1]
        work[j + 2] = work[2 * i + 8]
        work[j + 3] = work[2 * i + 9]
        i += 1
    v = 176
    i = 0
    while i < 160:
        high = uint(work[v + 14])
        low = uint(work[v + 15])
        sum_high = (high >> 14 | low << 18) ^ (high >> 18 | low << 14) ^ (low >> 9 | high << 23)
        sum_low = ((low >> 14 | high << 18) ^ (low >> 18 | high << 14) ^ (high >> 9 | low << 23)) & mask
        sum_high += high & uint(work[v + 10]) | (high ^ mask) & uint(work[v + 6])
        term = low & uint(work[v + 11]) | (low ^ mask) & uint(work[v + 7])
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        term = uint(work[v + 3])
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        term = uint(constants[i + 1])
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        term = uint(work[i + 17])
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        sum_high += uint(work[v + 2]) + uint(constants[i]) + uint(work[i + 16])
        term = uint(work[v + 1])
        low = (sum_low + term) & mask
        high = sum_high + uint(work[v])
        if low < term:
            high += 1
        work[v + 18] = high
        work[v + 19] = low
        high = uint(work[v + 12])
        low = uint(work[v + 13])
        sum_high += (high >> 28 | low << 4) ^ (low >> 2 | high << 30) ^ (low >> 7 | high << 25)
        term = ((low >> 28 | high << 4) ^ (high >> 2 | low << 30) ^ (high >> 7 | low << 25)) & mask
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        sum_high += high & uint(work[v + 8]) | (high | uint(work[v + 8])) & uint(work[v + 4])
        term = low & uint(work[v + 9]) | (low | uint(work[v + 9])) & uint(work[v + 5])
        sum_low = (sum_low + term) & mask
        if sum_low < term:
            sum_high += 1
        work[v + 16] = sum_high
        work[v + 17] = sum_low
        v += 4
        i += 2
    i = 0
    while i < 8:  # v is the first of the last four steps
        j = v + 4 * (3 - (i & 3)) + 2 * (i >> 2)
        term = uint(work[j + 1])
        low = (uint(work[2 * i + 1]) + term) & mask
        high = uint(work[2 * i]) + uint(work[j])
        if low < term:
            high += 1
        work[2 * i] = high
        work[2 * i + 1] = low
        i += 1


@micropython.viper
def compress(work, data, offset: int, count: int):
    """Fold `count` blocks of 128 bytes, from `offset` of `data`, into the state.

    `work` is an array of `WORK_WORDS` u32: words 0 to 15 hold the state, high half before low half of each 64-bit word;
    the rest is scratch.
    """
    while count > 0:
        _schedule(work, data, offset)
        _rounds(work, _ROUND)
        offset += 128
        count -= 1
