"""The kernels in plain Python: the reading version of `SPEC.md`, and the fallback for ports without viper.

`total` is the stereo int32 sum, `whole` what `fold` took out of it in whole samples; `at` and `frames` count frames.
Buffers of PCM are bytes, little-endian.
"""

from amos.player.envelope import CELL_FRAMES, RAMP_BITS

ROOM_GAINS = 65535  # gains that may be added before the sum must be folded: 2**15 * 65535 + 2**14 < 2**31
FOLDED_GAIN = 1  # what a fold leaves takes of that room
CELL_BITS = 6
UNITY_BITS = 15
UNITY_HALF = 1 << UNITY_BITS - 1
FRACTION = (1 << UNITY_BITS) - 1


def clear(total, at: int, frames: int) -> None:
    """Zero `frames` frames from `at` on."""
    for i in range(2 * at, 2 * (at + frames)):
        total[i] = 0


def sample_at(pcm, index: int) -> int:
    """Sample number `index` of int16 little-endian PCM."""
    low = 2 * index
    return ((pcm[low] | pcm[low + 1] << 8) ^ 0x8000) - 0x8000


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


def fold(total, whole, at: int, frames: int) -> None:
    """Move the whole samples of the sum's `frames` frames from `at` on to `whole`; their fractions stay."""
    for i in range(2 * at, 2 * (at + frames)):
        whole[i] += total[i] >> UNITY_BITS
        total[i] &= FRACTION


def round_cell(total, whole, at: int) -> int:
    """Round the cell at `at` to whole samples in place; its greatest magnitude."""
    peak = 0
    for i in range(2 * at, 2 * (at + CELL_FRAMES)):
        sample = whole[i] + (total[i] + UNITY_HALF >> UNITY_BITS)
        total[i] = sample
        peak = max(peak, abs(sample))
    return peak


def scale_cell(total, out, gain: int, change: int, at: int) -> None:
    """Write the rounded cell at `at` to the same place of `out`, under a gain that goes by `change` over the cell."""
    for i in range(CELL_FRAMES):
        gain_q15 = (gain << CELL_BITS) + change * i >> CELL_BITS
        for index in (2 * (at + i), 2 * (at + i) + 1):
            sample = total[index] * gain_q15 + UNITY_HALF >> UNITY_BITS
            out[2 * index] = sample & 0xFF
            out[2 * index + 1] = sample >> 8 & 0xFF


def hold(total, at: int) -> None:
    """Move the cell at `at` to the front."""
    for i in range(2 * CELL_FRAMES):
        total[i] = total[2 * at + i]
