"""The mixer on NumPy, for CPython, on flat interleaved arrays: a ramp broadcast over channels costs half the speed.

Voices at steady gains are one product of matrices in float32, which is exact here: a gain is three digits of
DIGIT_BITS, and no sum of 16 samples, each times a digit, passes 16 * 2**15 * 31 < 2**24, up to which float32 holds
every integer, in whatever order it is added. What begins, ends or fades is added in int32.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amos.player.ducking import Ducking
from amos.player.envelope import CELL_FRAMES, CELL_MASK, LINEAR_BITS, RAMP_BITS, Envelope
from amos.player.fade_table import FADE_Q15, FADE_STEPS
from amos.player.limiter import UNITY_Q15
from amos.player.mixer_base import OUT_FRAME_BYTES, Mixer, Voice
from amos.player.mixer_plain import CELL_BITS, ROOM_GAINS, UNITY_BITS, UNITY_HALF

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]

CELL_SAMPLES = 2 * CELL_FRAMES
FADE_TABLES = (np.array(FADE_Q15, np.int64), np.arange(FADE_STEPS + 1, dtype=np.int64) << LINEAR_BITS)
FADE_RISES = tuple(np.append(np.diff(table), 0) for table in FADE_TABLES)  # to the next entry; 0 at the end
DIGIT_BITS, DIGITS = 5, 3
DIGIT_MASK = (1 << DIGIT_BITS) - 1
REST_BITS = UNITY_BITS - DIGIT_BITS
ROWS_MAX = 16
PRODUCT_SAMPLES = 1 << 12  # OpenBLAS does not spread products of this size over threads, which would wait for them
ROW_FRAMES_MAX = 1 << 13  # 16 rows are 1 MB, what a core's second cache holds; larger blocks are added in int32
RAMP_FRAMES = 1 << 14  # of a fade's gains made ahead: 128 KB a voice
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
    """Whole blocks at a time. The sum is 32 * `_high` + `_low` + `_sum`; a fade is made for many cells."""

    def __init__(
        self, rate_hz: int, voices_max: int, block_frames_max: int, master_gain_q15: int, ceiling: int
    ) -> None:
        super().__init__(rate_hz, voices_max, block_frames_max, master_gain_q15, ceiling)
        size = 2 * block_frames_max
        self._block = np.zeros(CELL_SAMPLES + size, np.int32)  # the waiting cell, and `_high` behind it
        self._low = np.zeros(size, np.int32)
        self._sum = np.zeros(size, np.int32)
        self._has_sum = False
        self._room = ROOM_GAINS  # gains that still fit `_sum`
        self._scaled = np.empty(size, np.int32)
        self._pcm = bytearray(block_frames_max * OUT_FRAME_BYTES)
        self._out_samples = np.frombuffer(self._out, np.dtype("<i2"))
        self._ramps: list[tuple[int, int, Int32] | None] = [None] * voices_max  # begin, until, gain of each sample
        self._has_rows = block_frames_max <= ROW_FRAMES_MAX
        self._rows = np.zeros((min(voices_max, ROWS_MAX), size if self._has_rows else 0), np.float32)
        self._row_gains: list[int] = []
        self._products = np.empty((DIGITS, self._rows.shape[1]), np.float32)
        self._frames = 0  # of the block under way

    def _clear(self, frames: int) -> None:
        size = 2 * frames
        self._frames = frames
        self._block[CELL_SAMPLES : CELL_SAMPLES + size] = 0
        self._low[:size] = UNITY_HALF

    def _apply(self, event: Any, source: Any, at: int) -> None:
        super()._apply(event, source, at)
        self._ramps[event.voice] = None

    def _mix(self, voice: Voice, source: Any, count: int) -> None:
        envelope = voice.envelope
        begin = voice.pos
        channels = source.channels
        samples = self._samples(source, begin, count)
        flat_until = begin if self._ducking.active else envelope.flat_until(begin, begin + count)
        if self._has_rows and flat_until - begin == self._frames:
            self._add_row(samples, envelope.gain, 0, channels)
            return
        ends = (envelope.fade_in, envelope.fade_out_pos, begin + count)
        done = 0
        while done < count:
            pos = begin + done
            until = envelope.flat_until(pos, begin + count)
            end = until - begin
            if until > pos and not self._ducking.active:
                part = samples[channels * done : channels * end]
                if self._has_rows and 2 * (until - pos) > self._frames:
                    self._add_row(part, envelope.gain, voice.at + done, channels)
                else:
                    self._add_part(part, np.int32(envelope.gain), voice, voice.at + done, channels)
            else:
                until = min([node for node in ends if node > pos])
                end = until - begin
                part = samples[channels * done : channels * end]
                self._add_part(part, self._gains(voice, pos, until, channels), voice, voice.at + done, channels)
            done = end

    def _add_row(self, samples: Int16, gain: int, at: int, channels: int) -> None:
        """Let most of a block of a voice, at a steady gain, wait for the others."""
        row = self._rows[len(self._row_gains), : 2 * self._frames]
        begin, end = 2 * at, 2 * at + 2 // channels * len(samples)
        if end - begin < len(row):
            row[:begin] = 0
            row[end:] = 0
        if channels == 2:
            row[begin:end] = samples
        else:
            row[begin:end:2] = samples
            row[begin + 1 : end : 2] = samples
        self._row_gains.append(gain)
        if len(self._row_gains) == len(self._rows):
            self._add_rows()

    def _add_rows(self) -> None:
        """Multiply the rows that wait by their gains and add them."""
        size = 2 * self._frames
        digits = [[gain >> DIGIT_BITS * place & DIGIT_MASK for gain in self._row_gains] for place in range(DIGITS)]
        gains = np.array(digits, np.float32)
        rows = self._rows[: len(self._row_gains), :size]
        products = self._products[:, :size]
        for begin in range(0, size, PRODUCT_SAMPLES):
            part = slice(begin, begin + PRODUCT_SAMPLES)
            np.matmul(gains, rows[:, part], out=products[:, part])
        scaled = self._scaled[:size]
        high = self._block[CELL_SAMPLES : CELL_SAMPLES + size]
        np.copyto(scaled, products[2], casting="unsafe")
        scaled <<= DIGIT_BITS
        high += scaled
        np.copyto(scaled, products[1], casting="unsafe")
        high += scaled
        np.copyto(scaled, products[0], casting="unsafe")
        self._low[:size] += scaled
        self._row_gains.clear()

    def _add_part(self, samples: Int16, gains: "np.int32 | Int32", voice: Voice, at: int, channels: int) -> None:
        """Add a stretch of a voice that begins at `at` in the block."""
        self._room -= voice.envelope.gain  # no gain of the placement is greater
        if self._room < 0:
            self._fold()
            self._room -= voice.envelope.gain
        self._has_sum = True
        scaled = self._scaled[: len(samples)]
        scaled[:] = samples
        scaled *= gains
        part = self._sum[2 * at : 2 * at + 2 // channels * len(samples)]
        if channels == 2:
            part += scaled
        else:
            part[0::2] += scaled
            part[1::2] += scaled

    def _fold(self) -> None:
        """Empty `_sum` into `_high` and `_low`."""
        total = self._sum[: 2 * self._frames]
        scaled = self._scaled[: 2 * self._frames]
        np.right_shift(total, DIGIT_BITS, out=scaled)
        self._block[CELL_SAMPLES : CELL_SAMPLES + len(total)] += scaled
        total &= DIGIT_MASK
        self._low[: len(total)] += total
        total[:] = 0
        self._room = ROOM_GAINS

    def _samples(self, source: Any, pos: int, count: int) -> Int16:
        samples: Int16 | None = getattr(source, "samples", None)
        if samples is not None:
            return samples[source.channels * pos : source.channels * (pos + count)]
        source.read_into(self._pcm, pos, count)
        return np.frombuffer(self._pcm, np.dtype("<i2"), source.channels * count)

    def _gains(self, voice: Voice, begin: int, until: int, channels: int) -> Int32:
        """int32 gain of every sample from `begin` to `until`, made ahead to the end of the fade's part where it can be.

        Not under a duck, which hangs on the block, nor up to an event in a cell, which is a node of this block only.
        """
        envelope = voice.envelope
        ahead = min([node for node in (envelope.fade_in, envelope.fade_out_pos, envelope.end) if node > begin])
        if self._ducking.active or (until != ahead and envelope.phase + until & CELL_MASK):
            return self._ramp(voice, begin, until, channels)
        made = self._ramps[voice.number]
        if made is None or not made[0] <= begin < until <= made[1]:
            ahead = min(ahead, max(until, begin + RAMP_FRAMES - (envelope.phase + begin & CELL_MASK)))
            made = self._ramps[voice.number] = begin, ahead, self._ramp(voice, begin, ahead, channels)
        return made[2][channels * (begin - made[0]) : channels * (until - made[0])]

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
        """Complete the block's `frames` frames and round them in place; `_clear` put half a sample into `_low`."""
        if self._row_gains:
            self._add_rows()
        if self._has_sum:
            self._fold()
            self._has_sum = False
        samples = self._block[CELL_SAMPLES : CELL_SAMPLES + 2 * frames]
        low = self._low[: 2 * frames]
        low >>= DIGIT_BITS
        samples += low
        samples >>= REST_BITS
        return samples

    def _prime(self) -> None:
        cell = self._rounded(CELL_FRAMES)
        self._limiter.next_gain(peak_of(cell))
        self._block[:CELL_SAMPLES] = cell

    def _emit(self, frames: int) -> None:
        ahead = self._rounded(frames)
        samples = self._block[: 2 * frames]
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
        self._block[:CELL_SAMPLES] = ahead[-CELL_SAMPLES:]

    def _scale(self, samples: Int32, borders: list[int]) -> None:
        """Multiply each cell by the gain that goes from one of `borders` to the next."""
        gains = np.array(borders, np.int32)
        changes: Int32 = np.diff(gains)
        ramp = (gains[:-1, None] << CELL_BITS) + changes[:, None] * FRAME_IN_CELL[1] >> CELL_BITS
        samples *= ramp.reshape(-1)
        samples += UNITY_HALF
        samples >>= UNITY_BITS
