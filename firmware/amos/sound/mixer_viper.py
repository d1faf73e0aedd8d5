"""The kernels of `mixer_plain` in viper, for 32- and 64-bit machines alike.

Two traps. Loads through ptr16, and on 64-bit machines ptr32, zero-extend: so every signed value is sign-extended by
(x ^ sign) - sign, which does no harm where it is signed already. And a product wraps at the machine's word: none here
needs more than 32 bits (`SPEC.md`, "Bounds"). Importing this fails where the port has no native emitter.

The shape is for the code generator's sake and halves the instructions: it keeps a function's first three names in
registers, and a constant index costs nothing, so pointers move and come first. Loops end on equal addresses, for as
signed numbers addresses may wrap.
"""

import micropython


def shape_kernel():
    from amos.sound import shape_viper

    return shape_viper


@micropython.viper
def clear(sums: ptr32, frames: int):
    sums = ptr32(int(sums) + 512)
    end = int(sums) + 8 * frames
    while int(sums) != end:
        sums[0] = 0
        sums[1] = 0
        sums[2] = 0
        sums[3] = 0
        sums[4] = 0
        sums[5] = 0
        sums[6] = 0
        sums[7] = 0
        sums = ptr32(int(sums) + 32)


@micropython.viper
def steady_stereo(sums: ptr32, samples: ptr16, gain: int, frames: int):
    sums = ptr32(int(sums) + 512)
    end = int(sums) + 8 * frames
    while int(sums) != end:
        sums[0] = sums[0] + (((samples[0] ^ 0x8000) - 0x8000) * gain)
        sums[1] = sums[1] + (((samples[1] ^ 0x8000) - 0x8000) * gain)
        sums[2] = sums[2] + (((samples[2] ^ 0x8000) - 0x8000) * gain)
        sums[3] = sums[3] + (((samples[3] ^ 0x8000) - 0x8000) * gain)
        sums[4] = sums[4] + (((samples[4] ^ 0x8000) - 0x8000) * gain)
        sums[5] = sums[5] + (((samples[5] ^ 0x8000) - 0x8000) * gain)
        sums[6] = sums[6] + (((samples[6] ^ 0x8000) - 0x8000) * gain)
        sums[7] = sums[7] + (((samples[7] ^ 0x8000) - 0x8000) * gain)
        sums = ptr32(int(sums) + 32)
        samples = ptr16(int(samples) + 16)


@micropython.viper
def steady_mono(sums: ptr32, samples: ptr16, gain: int, frames: int):
    sums = ptr32(int(sums) + 512)
    end = int(sums) + 8 * frames
    while int(sums) != end:
        scaled = ((samples[0] ^ 0x8000) - 0x8000) * gain
        sums[0] = sums[0] + scaled
        sums[1] = sums[1] + scaled
        scaled = ((samples[1] ^ 0x8000) - 0x8000) * gain
        sums[2] = sums[2] + scaled
        sums[3] = sums[3] + scaled
        sums = ptr32(int(sums) + 16)
        samples = ptr16(int(samples) + 4)


@micropython.viper
def mix_stereo(sums: ptr32, samples: ptr16, gain: int, slope: int, at: int, pcm_at: int, frames: int):
    sums = ptr32(int(sums) + 8 * at)
    samples = ptr16(int(samples) + 4 * pcm_at)
    end = int(sums) + 8 * frames
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
def fade_gains(gains: ptr32, table: ptr16, facts: ptr32, count: int):
    sign = 1
    sign = sign << 31
    gain = facts[0]
    frame = (facts[1] ^ sign) - sign
    step = (facts[2] ^ sign) - sign
    fade = facts[3]
    linear = facts[4]
    end = int(gains) + 4 * count
    while int(gains) != end:
        gains[0] = gain
        if frame < fade:
            rest = frame << 7
            index = 0
            part = fade << 6
            bit = 64
            while bit != 0:  # viper has no division
                if rest >= part:
                    rest -= part
                    index += bit
                part = part >> 1
                bit = bit >> 1
            curve = index << 8
            rise = 256
            if linear == 0:
                curve = table[index]
                rise = table[index + 1] - curve
            rest = rest * rise
            part = fade << 8
            bit = 256
            while bit != 0:
                if rest >= part:
                    rest -= part
                    curve += bit
                part = part >> 1
                bit = bit >> 1
            gains[0] = gain * curve >> 15
        frame += step
        gains = ptr32(int(gains) + 4)


@micropython.viper
def ramp_stereo(sums: ptr32, samples: ptr16, gain: int, gains: ptr32, at: int, pcm_at: int, cells: int):
    sums = ptr32(int(sums) + 8 * at)
    samples = ptr16(int(samples) + 4 * pcm_at)
    while cells > 0:
        gain = gains[0]
        slope = gains[1] - gain << 8
        gain = gain << 14
        end = int(sums) + 512
        while int(sums) != end:
            gain_q15 = gain >> 14
            sums[0] = sums[0] + (((samples[0] ^ 0x8000) - 0x8000) * gain_q15)
            sums[1] = sums[1] + (((samples[1] ^ 0x8000) - 0x8000) * gain_q15)
            gain += slope
            gain_q15 = gain >> 14
            sums[2] = sums[2] + (((samples[2] ^ 0x8000) - 0x8000) * gain_q15)
            sums[3] = sums[3] + (((samples[3] ^ 0x8000) - 0x8000) * gain_q15)
            gain += slope
            sums = ptr32(int(sums) + 16)
            samples = ptr16(int(samples) + 8)
        gains = ptr32(int(gains) + 4)
        cells -= 1


@micropython.viper
def ramp_mono(sums: ptr32, samples: ptr16, gain: int, gains: ptr32, at: int, pcm_at: int, cells: int):
    sums = ptr32(int(sums) + 8 * at)
    samples = ptr16(int(samples) + 2 * pcm_at)
    while cells > 0:
        gain = gains[0]
        slope = gains[1] - gain << 8
        gain = gain << 14
        end = int(sums) + 512
        while int(sums) != end:
            scaled = ((samples[0] ^ 0x8000) - 0x8000) * (gain >> 14)
            sums[0] = sums[0] + scaled
            sums[1] = sums[1] + scaled
            sums = ptr32(int(sums) + 8)
            samples = ptr16(int(samples) + 2)
            gain += slope
        gains = ptr32(int(gains) + 4)
        cells -= 1


@micropython.viper
def fold(sums: ptr32, high: ptr16, frames: int, folded: int):
    sums = ptr32(int(sums) + 512)
    sign = 1
    sign = sign << 31  # not a literal: it would not be a small int on 32-bit machines
    rest = 1
    rest = (rest << 20) - 1
    end = int(sums) + 8 * frames
    if folded == 0:
        while int(sums) != end:
            high[0] = ((sums[0] ^ sign) - sign) >> 20
            high[1] = ((sums[1] ^ sign) - sign) >> 20
            sums[0] = sums[0] & rest
            sums[1] = sums[1] & rest
            sums = ptr32(int(sums) + 8)
            high = ptr16(int(high) + 4)
    while int(sums) != end:
        high[0] = (((sums[0] ^ sign) - sign) >> 20) + high[0]
        high[1] = (((sums[1] ^ sign) - sign) >> 20) + high[1]
        sums[0] = sums[0] & rest
        sums[1] = sums[1] & rest
        sums = ptr32(int(sums) + 8)
        high = ptr16(int(high) + 4)


@micropython.viper
def unfold(sums: ptr32, high: ptr16, frames: int):
    sums = ptr32(int(sums) + 512)
    sign = 1
    sign = sign << 31
    end = int(sums) + 8 * frames
    while int(sums) != end:
        sums[0] = (((sums[0] ^ sign) - sign) + 16384 >> 15) + (((high[0] ^ 0x8000) - 0x8000) << 5)
        sums[1] = (((sums[1] ^ sign) - sign) + 16384 >> 15) + (((high[1] ^ 0x8000) - 0x8000) << 5)
        sums = ptr32(int(sums) + 8)
        high = ptr16(int(high) + 4)


@micropython.viper
def finish(sums: ptr32, pcm: ptr16, gain: int, peaks: ptr32, cells: int, shift: int) -> int:
    sums = ptr32(int(sums) + 512)
    pcm = ptr16(int(pcm) + 256)
    sign = 1
    sign = sign << 31
    half = 1 << shift >> 1
    peak_of_all = 0
    while cells > 0:
        peak = 0
        peak_twice = 0
        end = int(sums) + 512
        while int(sums) != end:
            sample = ((sums[0] ^ sign) - sign) + half >> shift
            sums[0] = sample
            pcm[0] = sample * gain + 16384 >> 15
            if uint(sample + peak) > uint(peak_twice):  # neither from 0 to the peak nor below it to its negative
                peak = sample
                if sample < 0:
                    peak = 0 - sample
                peak_twice = peak + peak
            sample = ((sums[1] ^ sign) - sign) + half >> shift
            sums[1] = sample
            pcm[1] = sample * gain + 16384 >> 15
            if uint(sample + peak) > uint(peak_twice):
                peak = sample
                if sample < 0:
                    peak = 0 - sample
                peak_twice = peak + peak
            sums = ptr32(int(sums) + 8)
            pcm = ptr16(int(pcm) + 4)
        peaks[0] = peak
        if peak > peak_of_all:
            peak_of_all = peak
        peaks = ptr32(int(peaks) + 4)
        cells -= 1
    return peak_of_all


@micropython.viper
def scale(sums: ptr32, pcm: ptr16, gain: int, frames: int):
    sign = 1
    sign = sign << 31
    end = int(sums) + 8 * frames
    if gain == 32768:
        while int(sums) != end:
            pcm[0] = sums[0]
            pcm[1] = sums[1]
            sums = ptr32(int(sums) + 8)
            pcm = ptr16(int(pcm) + 4)
    while int(sums) != end:
        pcm[0] = ((sums[0] ^ sign) - sign) * gain + 16384 >> 15
        pcm[1] = ((sums[1] ^ sign) - sign) * gain + 16384 >> 15
        sums = ptr32(int(sums) + 8)
        pcm = ptr16(int(pcm) + 4)


@micropython.viper
def scale_cells(sums: ptr32, pcm: ptr16, borders: ptr32, cells: int):
    sign = 1
    sign = sign << 31
    while cells > 0:
        gain = borders[0]
        change = borders[1] - gain
        gain = gain << 6
        end = int(sums) + 512
        while int(sums) != end:
            gain_q15 = gain >> 6
            pcm[0] = ((sums[0] ^ sign) - sign) * gain_q15 + 16384 >> 15
            pcm[1] = ((sums[1] ^ sign) - sign) * gain_q15 + 16384 >> 15
            sums = ptr32(int(sums) + 8)
            pcm = ptr16(int(pcm) + 4)
            gain += change
        borders = ptr32(int(borders) + 4)
        cells -= 1


@micropython.viper
def hold(sums: ptr32, at: int):
    waiting = ptr32(int(sums) + 8 * at)
    end = int(sums) + 512
    while int(sums) != end:
        sums[0] = waiting[0]
        sums = ptr32(int(sums) + 4)
        waiting = ptr32(int(waiting) + 4)
