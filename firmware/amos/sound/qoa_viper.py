"""The QOA kernel in viper, for 32- and 64-bit machines alike; what `qoa.decode` says, it does.

Two traps. Loads zero-extend, so the table of residuals is biased by 2**15. And a product wraps at the machine's word,
but the sum that predicts a sample wraps at 32 bits: so weights stand in a word's upper 32 bits, which are all there are
on a 32-bit machine. Importing this fails where the port has no native emitter.

The shape is for the code generator's sake and more than halves the instructions: it keeps a function's first three
names in registers (hence the order of arguments, two of which, where to begin in `pcm` and in `data`, go on as what is
used most); a product with a sign costs half as much as a branch; and four samples in each pass of the loop save
moving the history for each sample.
"""

from array import array

import micropython

from amos.sound.qoa import RESIDUALS, load_state

__all__ = ("copy", "decode", "load_state")

_BIASED = array("H", [residual + 32768 for residual in RESIDUALS])


def decode(state, data, at: int, slices: int, channels: int, out, out_at: int) -> None:
    """As `qoa.decode`."""
    _decode(out, out_at, at, state, data, _BIASED, slices, channels)


@micropython.viper
def _decode(pcm: ptr16, r: int, change: int, state: ptr32, data: ptr8, residuals: ptr16, slices: int, channels: int):
    pcm = ptr16(int(pcm) + 2 * r)
    data = ptr8(int(data) + change)
    upper = 1
    upper = 32 if upper << 31 > 0 else 0  # the weights' place: 0 where a word has 32 bits
    predict = 13 + upper
    sign = 1
    sign = sign << 31
    h0 = (state[0] ^ sign) - sign
    h1 = (state[1] ^ sign) - sign
    h2 = (state[2] ^ sign) - sign
    h3 = (state[3] ^ sign) - sign
    s0 = h0 >> 31 | 1
    s1 = h1 >> 31 | 1
    s2 = h2 >> 31 | 1
    s3 = h3 >> 31 | 1
    w0 = state[4] << upper
    w1 = state[5] << upper
    w2 = state[6] << upper
    w3 = state[7] << upper
    step = 2 * channels
    while slices > 0:
        slices -= 1
        bits = data[0] << 8 | data[1]
        scale = ptr16(int(residuals) + 16 * (bits >> 12))
        turn = 0
        while turn < 5:
            r = scale[bits >> 9 & 7]
            change = (r >> 4) - 2048 << upper
            r += h0 * w0 + h1 * w1 + h2 * w2 + h3 * w3 >> predict
            if r >> 16:
                r = 0 if r < 0 else 65535
            r -= 32768
            w0 += change * s0
            w1 += change * s1
            w2 += change * s2
            w3 += change * s3
            h0 = r
            s0 = r >> 31 | 1
            pcm[0] = r
            pcm = ptr16(int(pcm) + step)

            r = scale[bits >> 6 & 7]
            change = (r >> 4) - 2048 << upper
            r += h1 * w0 + h2 * w1 + h3 * w2 + h0 * w3 >> predict
            if r >> 16:
                r = 0 if r < 0 else 65535
            r -= 32768
            w0 += change * s1
            w1 += change * s2
            w2 += change * s3
            w3 += change * s0
            h1 = r
            s1 = r >> 31 | 1
            pcm[0] = r
            pcm = ptr16(int(pcm) + step)

            r = scale[bits >> 3 & 7]
            change = (r >> 4) - 2048 << upper
            r += h2 * w0 + h3 * w1 + h0 * w2 + h1 * w3 >> predict
            if r >> 16:
                r = 0 if r < 0 else 65535
            r -= 32768
            w0 += change * s2
            w1 += change * s3
            w2 += change * s0
            w3 += change * s1
            h2 = r
            s2 = r >> 31 | 1
            pcm[0] = r
            pcm = ptr16(int(pcm) + step)

            r = scale[bits & 7]
            change = (r >> 4) - 2048 << upper
            r += h3 * w0 + h0 * w1 + h1 * w2 + h2 * w3 >> predict
            if r >> 16:
                r = 0 if r < 0 else 65535
            r -= 32768
            w0 += change * s3
            w1 += change * s0
            w2 += change * s1
            w3 += change * s2
            h3 = r
            s3 = r >> 31 | 1
            pcm[0] = r
            pcm = ptr16(int(pcm) + step)

            # Twelve bits a turn: those of turns 1 and 3 begin with a byte, those of turns 2 and 4 within one.
            turn += 1
            if turn == 1:
                bits = data[2] << 4 | data[3] >> 4
            elif turn == 2:
                bits = data[3] << 8 | data[4]
            elif turn == 3:
                bits = data[5] << 4 | data[6] >> 4
            else:
                bits = data[6] << 8 | data[7]
        data = ptr8(int(data) + 8 * channels)
    state[0] = h0
    state[1] = h1
    state[2] = h2
    state[3] = h3
    state[4] = w0 >> upper
    state[5] = w1 >> upper
    state[6] = w2 >> upper
    state[7] = w3 >> upper


def copy(out, out_at: int, pcm, at: int, samples: int) -> None:
    """As `qoa.copy`."""
    _copy(out, pcm, out_at, at, samples)


@micropython.viper
def _copy(out: ptr16, pcm: ptr16, out_at: int, at: int, samples: int):
    out = ptr16(int(out) + 2 * out_at)
    pcm = ptr16(int(pcm) + 2 * at)
    end = int(out) + 2 * samples
    while int(out) != end:
        out[0] = pcm[0]
        out = ptr16(int(out) + 2)
        pcm = ptr16(int(pcm) + 2)
