"""The mixer on NumPy, for CPython, on flat interleaved arrays: a ramp broadcast over channels costs half the speed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amos.player.ducking import Ducking
from amos.player.envelope import CELL_FRAMES, LINEAR_BITS, RAMP_BITS, Envelope
from amos.player.fade_table import FADE_Q15, FADE_STEPS
from amos.player.limiter import UNITY_Q15
from amos.player.mixer_base import OUT_FRAME_BYTES, Mixer, Voice
from amos.player.mixer_plain import CELL_BITS, SAMPLE_GAIN_BITS, SUM_BITS, SUM_HALF, UNITY_BITS, UNITY_HALF

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

CELL_SAMPLES = 2 * CELL_FRAMES
FADE_TABLES = (np.array(FADE_Q15, np.int64), np.arange(FADE_STEPS + 1, dtype=np.int64) << LINEAR_BITS)
FADE_RISES = tuple(np.append(np.diff(table), 0) for table in FADE_TABLES)  # to the next entry; 0 at the end
SHIFT = np.array(SAMPLE_GAIN_BITS, np.int32)  # an array operand is cheaper than a number: small blocks feel it
FRAME_IN_CELL = tuple(np.repeat(np.arange(CELL_FRAMES, dtype=np.int32), channels) for channels in (1, 2))


def fade_gains(gain_q15: int, frame: Int64, fade_frames: int, linear: bool = False) -> Int64:
    """`envelope.fade_gain` of an array of frames (int64); `fade_frames` must not be 0."""
    scaled = np.minimum(frame, fade_frames) * FADE_STEPS
    step = scaled // fade_frames
    rest = scaled - step * fade_frames
    curve: Int64 = FADE_TABLES[linear][step] + FADE_RISES[linear][step] * rest // fade_frames
    return gain_q15 * curve >> 15


def node_gains(envelope: Envelope, pos: Int64) -> Int64:
    """`Envelope.at` of an array of ascending positions (int64)."""
    gains = np.full(len(pos), envelope.gain, np.int64)
    if pos[0] < envelope.fade_in:
        gains = fade_gains(envelope.gain, pos, envelope.fade_in, envelope.linear_in)
    if pos[-1] > envelope.fade_out_pos:
        fade_out = envelope.frames - envelope.fade_out_pos
        gains = np.minimum(gains, fade_gains(envelope.gain, envelope.frames - pos, fade_out, envelope.linear_out))
    if envelope.stop_end >= 0:
        stopped = fade_gains(envelope.stop_gain, envelope.stop_end - pos, envelope.stop_fade, envelope.linear_stop)
        gains = np.minimum(gains, stopped)
    return gains


def ducked_gains(ducking: Ducking, gains: Int64, offset: Int64, voice: int) -> Int64:
    """`Ducking.ducked` of an array of gains at ascending offsets (int64)."""
    lowest = np.full(len(offset), UNITY_Q15, np.int64)
    for start, end, gain, ramp, exempt in ducking.active:
        if voice != exempt:
            part = np.maximum(np.minimum(offset - start, end - offset), 0)
            lowest = np.minimum(lowest, UNITY_Q15 - fade_gains(UNITY_Q15 - gain, part, ramp, True))
    ducked: Int64 = np.maximum(gains * lowest >> 15, np.minimum(gains, 1))
    return ducked


def peak_of(samples: Int32) -> int:
    """Greatest magnitude; without the copy that `abs` would make."""
    return max(int(samples.max()), -int(samples.min()))


class NumpyMixer(Mixer):
    """Whole blocks at a time; a fade's ramp is laid out for all its cells at once."""

    def __init__(
        self, rate_hz: int, voices_max: int, block_frames_max: int, master_gain_q15: int, ceiling: int
    ) -> None:
        super().__init__(rate_hz, voices_max, block_frames_max, master_gain_q15, ceiling)
        self._sum = np.zeros(2 * (CELL_FRAMES + block_frames_max), np.int32)
        self._mono_sum = np.zeros(block_frames_max, np.int32)  # of mono stems; both sides get it at the block's end
        self._has_mono = False
        self._scaled = np.empty(2 * block_frames_max, np.int32)
        self._pcm = bytearray(block_frames_max * OUT_FRAME_BYTES)
        self._out_samples = np.frombuffer(self._out, np.dtype("<i2"))

    def _clear(self, frames: int) -> None:
        self._sum[CELL_SAMPLES : CELL_SAMPLES + 2 * frames] = 0
        if self._has_mono:
            self._mono_sum[:] = 0
            self._has_mono = False

    def _mix(self, voice: Voice, source: Any, count: int) -> None:
        envelope = voice.envelope
        channels = source.channels
        samples = self._samples(source, voice.pos, count)
        if channels == 2:
            target = self._sum[2 * (CELL_FRAMES + voice.at) :]
        else:
            target = self._mono_sum[voice.at :]
            self._has_mono = True
        ends = (envelope.fade_in, envelope.fade_out_pos, voice.pos + count)
        done = 0
        while done < count:
            pos = voice.pos + done
            until = envelope.flat_until(pos, voice.pos + count)
            if until > pos and not self._ducking.active:
                gains = np.array(envelope.at(pos), np.int32)
            else:
                until = min([node for node in ends if node > pos])
                gains = self._ramp(voice, pos, until, channels)
            end = until - voice.pos
            scaled = self._scaled[: channels * (end - done)]
            scaled[:] = samples[channels * done : channels * end]
            scaled *= gains
            scaled >>= SHIFT
            part = target[channels * done : channels * end]
            part += scaled
            done = end

    def _samples(self, source: Any, pos: int, count: int) -> Int16:
        samples: Int16 | None = getattr(source, "samples", None)
        if samples is not None:
            return samples[source.channels * pos : source.channels * (pos + count)]
        source.read_into(self._pcm, pos, count)
        return np.frombuffer(self._pcm, np.dtype("<i2"), source.channels * count)

    def _ramp(self, voice: Voice, begin: int, until: int, channels: int) -> Int32:
        """int32 gain of every sample from `begin` to `until`, between which the only nodes are borders of cells."""
        envelope = voice.envelope
        skip = (envelope.phase + begin) % CELL_FRAMES
        nodes = np.arange(begin - skip, until + CELL_FRAMES, CELL_FRAMES)
        nodes[0] = begin
        nodes[-1] = until
        gains = node_gains(envelope, nodes)
        if self._ducking.active:
            gains = ducked_gains(self._ducking, gains, nodes + (voice.at - voice.pos), voice.number)
        slopes = (gains[1:] - gains[:-1] << RAMP_BITS) // (nodes[1:] - nodes[:-1])
        first = gains[:-1] << RAMP_BITS
        first[0] -= slopes[0] * skip
        # Whole cells in int32: the frames of the first cell before `begin` may wrap, and are cut off.
        ramp = slopes.astype(np.int32)[:, None] * FRAME_IN_CELL[channels - 1]
        ramp += first.astype(np.int32)[:, None]
        ramp >>= RAMP_BITS
        return ramp.reshape(-1)[channels * skip : channels * (skip + until - begin)]

    def _rounded(self, frames: int) -> Int32:
        """Complete `frames` frames of the sum's block and round them in place."""
        samples = self._sum[CELL_SAMPLES : CELL_SAMPLES + 2 * frames]
        if self._has_mono:
            samples[0::2] += self._mono_sum[:frames]
            samples[1::2] += self._mono_sum[:frames]
        samples += SUM_HALF
        samples >>= SUM_BITS
        return samples

    def _prime(self) -> None:
        cell = self._rounded(CELL_FRAMES)
        self._limiter.next_gain(peak_of(cell))
        self._sum[:CELL_SAMPLES] = cell

    def _emit(self, frames: int) -> None:
        ahead = self._rounded(frames)
        samples = self._sum[: 2 * frames]
        out = self._out_samples[: 2 * frames]
        limiter = self._limiter
        if not limiter.at_rest(peak_of(ahead)):
            cells = ahead.reshape(-1, CELL_SAMPLES)
            peaks = np.maximum(cells.max(axis=1), -cells.min(axis=1))
            borders = [limiter.gain, *map(limiter.next_gain, peaks.tolist())]
            self._scale(samples, borders)
        elif limiter.gain != UNITY_Q15:
            samples *= limiter.gain
            samples += UNITY_HALF
            samples >>= UNITY_BITS
        out[:] = samples
        self._sum[:CELL_SAMPLES] = ahead[-CELL_SAMPLES:]

    def _scale(self, samples: Int32, borders: list[int]) -> None:
        """Multiply each cell by the gain that goes from one of `borders` to the next."""
        gains = np.array(borders, np.int32)
        changes: Int32 = np.diff(gains)
        ramp = (gains[:-1, None] << CELL_BITS) + changes[:, None] * FRAME_IN_CELL[1] >> CELL_BITS
        samples *= ramp.reshape(-1)
        samples += UNITY_HALF
        samples >>= UNITY_BITS
