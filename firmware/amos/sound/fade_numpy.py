"""The gains of a fade as arrays, for CPython: `envelope`'s and `ducking`'s arithmetic, many frames at a time."""

import numpy as np
from numpy.typing import NDArray

from amos.sound.ducking import Ducking
from amos.sound.envelope import CELL_FRAMES, CELL_MASK, LINEAR_BITS, RAMP_BITS, Envelope
from amos.sound.fade_table import FADE_Q15, FADE_STEPS
from amos.sound.glide import GLIDE_BITS, Glide
from amos.sound.limiter import UNITY_Q15

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

FADE_TABLES = (np.array(FADE_Q15, np.int64), np.arange(FADE_STEPS + 1, dtype=np.int64) << LINEAR_BITS)
FADE_RISES = tuple(np.append(np.diff(table), 0) for table in FADE_TABLES)  # to the next entry; 0 at the end
FRAME_IN_CELL = tuple(np.repeat(np.arange(CELL_FRAMES, dtype=np.int32), channels) for channels in (1, 2))
LINE_IN_CELL = tuple(np.array([np.ones(len(frames)), frames]) for frames in FRAME_IN_CELL)


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


def levelled_gains(glide: Glide, gains: Int64, pos: Int64) -> Int64:
    """`Glide.turned` of an array of gains at ascending positions (int64), none before the glide's start."""
    gone = np.minimum(pos - glide.start, glide.frames)
    way = (gone << GLIDE_BITS) // max(1, glide.frames)
    levels = glide.from_q15 + ((glide.to_q15 - glide.from_q15) * way >> GLIDE_BITS) if glide.frames else glide.to_q15
    levelled: Int64 = np.maximum(gains * levels >> 15, np.minimum(gains, 1))
    return levelled


def ducked_gains(ducking: Ducking, gains: Int64, offset: Int64, voice: int) -> Int64:
    """`Ducking.ducked` of an array of gains at ascending offsets (int64)."""
    lowest = np.full(len(offset), UNITY_Q15, np.int64)
    for start, end, gain, ramp, exempt in ducking.active:
        if voice != exempt:
            part = np.maximum(np.minimum(offset - start, end - offset), 0)
            lowest = np.minimum(lowest, UNITY_Q15 - fade_gains(UNITY_Q15 - gain, part, ramp, True))
    ducked: Int64 = np.maximum(gains * lowest >> 15, np.minimum(gains, 1))
    return ducked


class Fade:
    """The gains of a voice from `begin` to `until`, as a line for each cell.

    A cell's gains are one row of a product of matrices in float64, which holds their 15 + RAMP_BITS bits exactly, and
    cutting off the fraction of what is not negative is the shift by RAMP_BITS.
    """

    def __init__(self, nodes: Int64, gains: Int64, skip: int) -> None:
        """`nodes`: ascending positions, all but the first and last on borders of cells; the first `skip` frames after
        one. `gains`: at each."""
        self.begin = int(nodes[0])
        self.until = int(nodes[-1])
        self._origin = self.begin - skip
        slopes = (gains[1:] - gains[:-1] << RAMP_BITS) // (nodes[1:] - nodes[:-1])
        first = gains[:-1] << RAMP_BITS
        first[0] -= slopes[0] * skip
        self._lines: Float64 = np.ldexp(np.stack([first, slopes], 1), -RAMP_BITS)

    def gains(self, begin: int, until: int, channels: int, exact: Float64, buffer: Int32) -> Int32:
        """int32 gain of each sample from `begin` to `until`, in `buffer`; `exact` is room for work. Both must have
        room for whole cells."""
        cell = (begin - self._origin) // CELL_FRAMES
        skip = channels * ((begin - self._origin) % CELL_FRAMES)
        end = (until - self._origin + CELL_MASK) // CELL_FRAMES
        size = channels * CELL_FRAMES * (end - cell)
        exact = exact[:size]
        np.matmul(self._lines[cell:end], LINE_IN_CELL[channels - 1], out=exact.reshape(end - cell, -1))
        np.copyto(buffer[:size], exact, casting="unsafe")
        return buffer[skip : skip + channels * (until - begin)]
