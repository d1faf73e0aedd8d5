"""The kernels in plain Python: the reading version of `SPEC.md`, and the fallback for ports without viper.

`total` is the stereo int32 sum, a waiting cell and behind it the block; `high` is what `fold` took out of it, int16.
`at` and `frames` count frames. Buffers of PCM and `high` are bytes, little-endian.
"""

from amos.sound.envelope import CELL_FRAMES, RAMP_BITS, fade_gain, ramp_slope
from amos.sound.mixer_base import FOLD_BITS, UNITY_BITS

CELL_BITS = 6
UNITY_HALF = 1 << UNITY_BITS - 1


def clear(total, frames: int) -> None:
    """Zero a block of `frames` frames."""
    for i in range(2 * CELL_FRAMES, 2 * (CELL_FRAMES + frames)):
        total[i] = 0


def shape_kernel():
    """The kernel of shapes on the runtimes of this one."""
    from amos.sound import shape_plain

    return shape_plain


def sample_at(pcm, index: int) -> int:
    """Sample number `index` of int16 little-endian PCM."""
    low = 2 * index
    return ((pcm[low] | pcm[low + 1] << 8) ^ 0x8000) - 0x8000


def write_sample(out, index: int, sample: int) -> None:
    """Put int16 sample number `index` into PCM."""
    out[2 * index] = sample & 0xFF
    out[2 * index + 1] = sample >> 8 & 0xFF


def steady_stereo(total, pcm, gain_q15: int, frames: int) -> None:
    """Add `frames` frames of `pcm` to the block, under one gain."""
    mix_stereo(total, pcm, gain_q15 << RAMP_BITS, 0, CELL_FRAMES, 0, frames)


def steady_mono(total, pcm, gain_q15: int, frames: int) -> None:
    """As `steady_stereo`, the one channel to both sides."""
    mix_mono(total, pcm, gain_q15 << RAMP_BITS, 0, CELL_FRAMES, 0, frames)


def mix_stereo(total, pcm, gain: int, slope: int, at: int, pcm_at: int, frames: int) -> None:
    """Add `frames` frames of `pcm` from `pcm_at` on, under a gain (RAMP_BITS fraction bits) that grows by `slope`."""
    for i in range(frames):
        gain_q15 = gain >> RAMP_BITS
        to = 2 * (at + i)
        total[to] += sample_at(pcm, 2 * (pcm_at + i)) * gain_q15
        total[to + 1] += sample_at(pcm, 2 * (pcm_at + i) + 1) * gain_q15
        gain += slope


def mix_mono(total, pcm, gain: int, slope: int, at: int, pcm_at: int, frames: int) -> None:
    """As `mix_stereo`, the one channel to both sides."""
    for i in range(frames):
        scaled = sample_at(pcm, pcm_at + i) * (gain >> RAMP_BITS)
        to = 2 * (at + i)
        total[to] += scaled
        total[to + 1] += scaled
        gain += slope


def fade_gains(gains, table, facts, count: int) -> None:
    """Fill `gains` with those of `count` nodes a cell apart, of the fade that `Envelope.fade_run` put into `facts`."""
    gain, frame, step, fade_frames, linear = facts
    for i in range(count):
        gains[i] = fade_gain(gain, frame + step * i, fade_frames, linear)


def ramp_stereo(total, pcm, _gain: int, gains, at: int, pcm_at: int, cells: int) -> None:
    """Add `cells` cells of `pcm` from `pcm_at` on, under a gain that goes from one of `gains` to the next."""
    for i in range(cells):
        done = CELL_FRAMES * i
        slope = ramp_slope(gains[i], gains[i + 1], CELL_FRAMES)
        mix_stereo(total, pcm, gains[i] << RAMP_BITS, slope, at + done, pcm_at + done, CELL_FRAMES)


def ramp_mono(total, pcm, _gain: int, gains, at: int, pcm_at: int, cells: int) -> None:
    """As `ramp_stereo`, the one channel to both sides."""
    for i in range(cells):
        done = CELL_FRAMES * i
        slope = ramp_slope(gains[i], gains[i + 1], CELL_FRAMES)
        mix_mono(total, pcm, gains[i] << RAMP_BITS, slope, at + done, pcm_at + done, CELL_FRAMES)


def fold(total, high, frames: int, folded: int) -> None:
    """Move multiples of 2**FOLD_BITS of the block's `frames` frames to `high`; the rest stays. Adds to what is there
    if `folded`. 32 voices bring `high` to -2**15 at the lowest."""
    begin = 2 * CELL_FRAMES
    for i in range(2 * frames):
        value = total[begin + i] >> FOLD_BITS
        if folded:
            value += sample_at(high, i)
        write_sample(high, i, value)
        total[begin + i] &= (1 << FOLD_BITS) - 1


def unfold(total, high, frames: int) -> None:
    """Round the block's `frames` frames to whole samples in place, with what was folded into `high`."""
    begin = 2 * CELL_FRAMES
    for i in range(2 * frames):
        whole = total[begin + i] + UNITY_HALF >> UNITY_BITS
        total[begin + i] = whole + (sample_at(high, i) << FOLD_BITS - UNITY_BITS)


def finish(total, out, gain: int, peaks, cells: int, shift: int) -> int:
    """Round the block, of `cells` cells with `shift` fraction bits (UNITY_BITS, or 0 after `unfold`), to whole samples
    in place. The greatest magnitude of each cell goes to `peaks`, and that of all is returned. And write the block,
    one cell after the begin of `out`, as it is under a steady gain: right if its peak bears that gain."""
    half = 1 << shift >> 1
    for cell in range(cells):
        peak = 0
        begin = 2 * CELL_FRAMES * (cell + 1)
        for i in range(begin, begin + 2 * CELL_FRAMES):
            sample = total[i] + half >> shift
            total[i] = sample
            write_sample(out, i, sample * gain + UNITY_HALF >> UNITY_BITS)
            peak = max(peak, abs(sample))
        peaks[cell] = peak
    return max(peaks[:cells])


def scale(total, out, gain: int, frames: int) -> None:
    """Write the first `frames` frames, rounded before, to `out`, under a steady gain."""
    for index in range(2 * frames):
        write_sample(out, index, total[index] * gain + UNITY_HALF >> UNITY_BITS)


def scale_cells(total, out, borders, cells: int) -> None:
    """Write the first `cells` cells, rounded before, to `out`, under a gain that goes from one border to the next."""
    for index in range(2 * CELL_FRAMES * cells):
        cell, i = divmod(index >> 1, CELL_FRAMES)
        gain_q15 = (borders[cell] << CELL_BITS) + (borders[cell + 1] - borders[cell]) * i >> CELL_BITS
        write_sample(out, index, total[index] * gain_q15 + UNITY_HALF >> UNITY_BITS)


def hold(total, at: int) -> None:
    """Move the cell at `at` to the front."""
    for i in range(2 * CELL_FRAMES):
        total[i] = total[2 * at + i]
