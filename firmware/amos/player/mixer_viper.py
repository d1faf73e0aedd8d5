"""The kernels of `mixer_plain` in viper, for 32- and 64-bit machines alike.

Two traps. Loads through ptr16, and on 64-bit machines ptr32, zero-extend: so every signed value is sign-extended by
(x ^ sign) - sign, which does no harm where it is signed already. And a product wraps at the machine's word: none here
needs more than 32 bits (`SPEC.md`, "Bounds"). Importing this fails where the port has no native emitter.

The shape is for the code generator's sake and halves the instructions: it keeps a function's first three names in
registers, and a constant index costs nothing, so pointers move and come first. Loops end on equal addresses, for as
signed numbers addresses may wrap.
"""

import micropython


@micropython.viper
def clear(sums: ptr32, at: int, frames: int):
    sums = ptr32(int(sums) + 8 * at)
    end = int(sums) + 8 * frames
    while int(sums) != end:
        sums[0] = 0
        sums[1] = 0
        sums = ptr32(int(sums) + 8)


@micropython.viper
def mix_stereo(sums: ptr32, samples: ptr16, gain: int, slope: int, at: int, pcm_at: int, frames: int):
    sums = ptr32(int(sums) + 8 * at)
    samples = ptr16(int(samples) + 4 * pcm_at)
    end = int(sums) + 8 * frames
    if slope == 0:
        end_of_pairs = int(sums) + 16 * (frames >> 1)
        gain = gain >> 14
        while int(sums) != end_of_pairs:
            sums[0] = sums[0] + (((samples[0] ^ 0x8000) - 0x8000) * gain)
            sums[1] = sums[1] + (((samples[1] ^ 0x8000) - 0x8000) * gain)
            sums[2] = sums[2] + (((samples[2] ^ 0x8000) - 0x8000) * gain)
            sums[3] = sums[3] + (((samples[3] ^ 0x8000) - 0x8000) * gain)
            sums = ptr32(int(sums) + 16)
            samples = ptr16(int(samples) + 8)
        gain = gain << 14
    while int(sums) != end:
        gain_q15 = gain >> 14
        sums[0] = sums[0] + (((samples[0] ^ 0x8000) - 0x8000) * gain_q15)
        sums[1] = sums[1] + (((samples[1] ^ 0x8000) - 0x8000) * gain_q15)
        sums = ptr32(int(sums) + 8)
        samples = ptr16(int(samples) + 4)
        gain += slope


@micropython.viper
def mix_mono(sums: ptr32, samples: ptr16, gain: int, slope: int, at: int, pcm_at: int, frames: int):
    sums = ptr32(int(sums) + 8 * at)
    samples = ptr16(int(samples) + 2 * pcm_at)
    end = int(sums) + 8 * frames
    while int(sums) != end:
        scaled = ((samples[0] ^ 0x8000) - 0x8000) * (gain >> 14)
        sums[0] = sums[0] + scaled
        sums[1] = sums[1] + scaled
        sums = ptr32(int(sums) + 8)
        samples = ptr16(int(samples) + 2)
        gain += slope


@micropython.viper
def fold(sums: ptr32, whole: ptr32, at: int, frames: int):
    sums = ptr32(int(sums) + 8 * at)
    whole = ptr32(int(whole) + 8 * at)
    sign = 1
    sign = sign << 31  # not a literal: it would not be a small int on 32-bit machines
    end = int(sums) + 8 * frames
    while int(sums) != end:
        whole[0] = whole[0] + (((sums[0] ^ sign) - sign) >> 15)
        sums[0] = sums[0] & 32767
        sums = ptr32(int(sums) + 4)
        whole = ptr32(int(whole) + 4)


@micropython.viper
def round_cell(sums: ptr32, whole: ptr32, at: int) -> int:
    sample = 0
    sums = ptr32(int(sums) + 8 * at)
    whole = ptr32(int(whole) + 8 * at)
    sign = 1
    sign = sign << 31
    peak = 0
    end = int(sums) + 512
    while int(sums) != end:
        sample = ((whole[0] ^ sign) - sign) + (((sums[0] ^ sign) - sign) + 16384 >> 15)
        sums[0] = sample
        if sample < 0:
            sample = 0 - sample
        if sample > peak:
            peak = sample
        sums = ptr32(int(sums) + 4)
        whole = ptr32(int(whole) + 4)
    return peak


@micropython.viper
def scale_cell(sums: ptr32, pcm: ptr16, gain: int, change: int, at: int):
    sums = ptr32(int(sums) + 8 * at)
    pcm = ptr16(int(pcm) + 4 * at)
    sign = 1
    sign = sign << 31
    gain = gain << 6
    end = int(sums) + 512
    while int(sums) != end:
        gain_q15 = gain >> 6
        pcm[0] = ((sums[0] ^ sign) - sign) * gain_q15 + 16384 >> 15
        pcm[1] = ((sums[1] ^ sign) - sign) * gain_q15 + 16384 >> 15
        sums = ptr32(int(sums) + 8)
        pcm = ptr16(int(pcm) + 4)
        gain += change


@micropython.viper
def hold(sums: ptr32, at: int):
    waiting = ptr32(int(sums) + 8 * at)
    end = int(sums) + 512
    while int(sums) != end:
        sums[0] = waiting[0]
        sums = ptr32(int(sums) + 4)
        waiting = ptr32(int(waiting) + 4)
