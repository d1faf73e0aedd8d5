"""The kernels of `shape_plain` in viper, for 32- and 64-bit machines alike.

As in `mixer_viper`, loads zero-extend: what is signed is extended by (x ^ sign) - sign. A product of a sample that was
loaded from 32 bits is right in its lower 32 bits, and so is a sum of them, which is extended once.
"""

import micropython


@micropython.viper
def low_pass(pcm: ptr16, table: ptr32, whole: int, state: ptr32, channels: int, frames: int):
    pcm = ptr16(int(pcm) + 2 * whole)
    state = ptr32(int(state) + 40 * whole)
    sign = 1
    sign = sign << 31
    upper = 1
    upper = 32 if upper << 31 > 0 else 0
    kept = (state[0] ^ sign) - sign
    run = state[1]
    whole = kept + 128 >> 8
    step = 2 * channels
    while frames > 0:
        if run == 0 and frames >= 8:  # a whole run, written out: a third of the instructions
            frames -= 8
            x0 = (pcm[0] ^ 0x8000) - 0x8000
            pcm[0] = table[8] * x0 + table[0] * whole + 16384 >> 15
            pcm = ptr16(int(pcm) + step)
            x1 = (pcm[0] ^ 0x8000) - 0x8000
            pcm[0] = table[8] * x1 + table[9] * x0 + table[1] * whole + 16384 >> 15
            pcm = ptr16(int(pcm) + step)
            x2 = (pcm[0] ^ 0x8000) - 0x8000
            pcm[0] = table[8] * x2 + table[9] * x1 + table[10] * x0 + table[2] * whole + 16384 >> 15
            pcm = ptr16(int(pcm) + step)
            x3 = (pcm[0] ^ 0x8000) - 0x8000
            pcm[0] = table[8] * x3 + table[9] * x2 + table[10] * x1 + table[11] * x0 + table[3] * whole + 16384 >> 15
            pcm = ptr16(int(pcm) + step)
            x4 = (pcm[0] ^ 0x8000) - 0x8000
            pcm[0] = (
                table[8] * x4
                + table[9] * x3
                + table[10] * x2
                + table[11] * x1
                + table[12] * x0
                + table[4] * whole
                + 16384
                >> 15
            )
            pcm = ptr16(int(pcm) + step)
            x5 = (pcm[0] ^ 0x8000) - 0x8000
            pcm[0] = (
                table[8] * x5
                + table[9] * x4
                + table[10] * x3
                + table[11] * x2
                + table[12] * x1
                + table[13] * x0
                + table[5] * whole
                + 16384
                >> 15
            )
            pcm = ptr16(int(pcm) + step)
            x6 = (pcm[0] ^ 0x8000) - 0x8000
            pcm[0] = (
                table[8] * x6
                + table[9] * x5
                + table[10] * x4
                + table[11] * x3
                + table[12] * x2
                + table[13] * x1
                + table[14] * x0
                + table[6] * whole
                + 16384
                >> 15
            )
            pcm = ptr16(int(pcm) + step)
            x7 = (pcm[0] ^ 0x8000) - 0x8000
            total = table[8] * x7 + table[9] * x6 + table[10] * x5 + table[11] * x4
            total += table[12] * x3 + table[13] * x2 + table[14] * x1 + table[15] * x0 + table[7] * whole
            pcm[0] = total + 16384 >> 15
            pcm = ptr16(int(pcm) + step)
            kept = total + (table[7] * (kept - (whole << 8)) >> 8) >> 7
            whole = kept + 128 >> 8
            continue
        heard = ptr32(int(state) + 8)
        heard[run] = (pcm[0] ^ 0x8000) - 0x8000
        total = table[run] * whole
        weights = ptr32(int(table) + 32 + 4 * run)
        last = int(table) + 28
        while int(weights) != last:
            total += weights[0] * heard[0]
            heard = ptr32(int(heard) + 4)
            weights = ptr32(int(weights) - 4)
        total = total << upper >> upper
        pcm[0] = total + 16384 >> 15
        pcm = ptr16(int(pcm) + step)
        frames -= 1
        run += 1
        if run == 8:
            kept = total + (table[7] * (kept - (whole << 8)) >> 8) >> 7
            whole = kept + 128 >> 8
            run = 0
    state[0] = kept
    state[1] = run


@micropython.viper
def turn_sides(pcm: ptr16, gains: ptr32, frames: int):
    sign = 1
    sign = sign << 31
    left_left = (gains[0] ^ sign) - sign
    right_left = (gains[1] ^ sign) - sign
    left_right = (gains[2] ^ sign) - sign
    right_right = (gains[3] ^ sign) - sign
    end = int(pcm) + 4 * frames
    while int(pcm) != end:
        left = (pcm[0] ^ 0x8000) - 0x8000
        right = (pcm[1] ^ 0x8000) - 0x8000
        pcm[0] = left * left_left + right * right_left + 16384 >> 15
        pcm[1] = left * left_right + right * right_right + 16384 >> 15
        pcm = ptr16(int(pcm) + 4)


@micropython.viper
def spread(pcm: ptr16, gains: ptr32, frames: int):
    one = ptr16(int(pcm) + 2 * frames)
    two = ptr16(int(pcm) + 4 * frames)
    left = gains[0]
    right = gains[1]
    while int(one) != int(pcm):
        one = ptr16(int(one) - 2)
        two = ptr16(int(two) - 4)
        sample = (one[0] ^ 0x8000) - 0x8000
        two[0] = sample * left + 16384 >> 15
        two[1] = sample * right + 16384 >> 15
