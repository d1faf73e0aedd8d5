"""QOA encoder: int16 samples in, a QOA file out (qoaformat.org; `amos/sound/SPEC.md`, "QOA").

Every frame carries the state its decoder starts from. So frames are encoded side by side, each from the true samples
before it and from weights learnt on its predecessor's last slices; and all 16 scale factors of a slice side by side.
Integers only (and float64 below 2**53): the same samples give the same bytes on any machine.
"""

import numpy as np
from numpy.typing import NDArray

from amos.sound.qoa import (
    FRAME_FRAMES,
    FRAME_SLICES,
    RATE_HZ_MAX,
    RESIDUALS,
    SCALE_FACTORS,
    SLICE_FRAMES,
    file_header,
    frame_header,
    slices_of,
)
from amos_tools.vault.audio import Int16Frames

Int32 = NDArray[np.int32]

QOA_VERSION = 1
"""Raised with every change that alters bytes: what is kept of another version is not used."""

LEARN_SLICES = 16
"""Slices before a frame on which its first weights are learnt. Within 1.5 dB of encoding one frame after the other on
lone tones (at 48 dB), better than it on all else that was measured; more learn nothing more."""

_LANES = 1024  # of 45 s in stereo, all: the buffers of a turn then still fit a cache of 1 MB
_SCALES = len(SCALE_FACTORS)
_FIRST_WEIGHTS = (0, 0, -(1 << 13), 1 << 14)
_WEIGHT_POWER_BITS = 18
_WEIGHT_POWER_FREE = 0x8FF
"""Of weights; above it a slice is penalised, or loud high tones make weights run away (after the reference)."""

_LEVELS = np.array(RESIDUALS, np.int32).reshape(_SCALES, 4, 2)[:, :, 0]  # magnitudes, ascending
_BORDERS = ((_LEVELS[:, 1:] + _LEVELS[:, :-1] + 1) >> 1).T[:, :, None].copy()  # (3, scales, 1): from here on the next
_LEVEL_ROWS = np.ascontiguousarray(_LEVELS.reshape(-1))
_ROW_START = (4 * np.arange(_SCALES, dtype=np.intp))[:, None]


def encode_qoa(samples: Int16Frames, rate_hz: int) -> bytes:
    """The QOA file of int16 `samples` of shape (frames, channels), at least one frame, 1 or 2 channels."""
    frames, channels = samples.shape
    if frames < 1 or channels not in (1, 2) or not 1 <= rate_hz <= RATE_HZ_MAX:
        raise ValueError(f"samples: expected frames of 1 or 2 channels, found {samples.shape} at {rate_hz} Hz")
    count = -(-frames // FRAME_FRAMES)
    lanes = _lanes(samples, count)
    states = np.empty((lanes.shape[1], 8), ">i2")
    slices = np.zeros((FRAME_SLICES if count > 1 else slices_of(frames), lanes.shape[1]), ">u8")
    for start in range(0, lanes.shape[1], _LANES):
        part = slice(start, start + _LANES)
        states[part], slices[:, part] = _encode(lanes[:, part], len(slices))
    _zero_unused(slices[:, -channels:], frames - (count - 1) * FRAME_FRAMES)
    pieces = [file_header(frames)]
    for index in range(count):
        held = min(FRAME_FRAMES, frames - index * FRAME_FRAMES)
        part = slice(index * channels, (index + 1) * channels)
        pieces += [frame_header(rate_hz, held, channels), states[part].tobytes()]
        pieces.append(slices[: slices_of(held), part].tobytes())
    return b"".join(pieces)


def _lanes(samples: Int16Frames, count: int) -> Int32:
    """int32 of shape (4 + learnt + 5120, count * channels): a frame and a channel in each column, with what was before.

    Silence stands before the first frame and behind the last.
    """
    frames, channels = samples.shape
    before = 4 + LEARN_SLICES * SLICE_FRAMES
    padded = np.zeros((before + count * FRAME_FRAMES, channels), np.int32)
    padded[before : before + frames] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, before + FRAME_FRAMES, axis=0)[::FRAME_FRAMES]
    return np.ascontiguousarray(windows.reshape(count * channels, -1).T)


def _encode(lanes: Int32, count: int) -> tuple[NDArray[np.int16], NDArray[np.uint64]]:
    """States of shape (lanes, 8) and slices of shape (count, lanes), of samples as `_lanes` gives them."""
    width = lanes.shape[1]
    weights = np.empty((4, 1, width), np.int32)
    weights[:] = np.array(_FIRST_WEIGHTS, np.int32)[:, None, None]
    history = lanes[:4, None, :]
    slices = np.empty((count, width), np.uint64)
    state = np.empty((8, width), np.int16)
    coder = _SliceCoder(width)
    for number in range(-LEARN_SLICES, count):
        at = 4 + (LEARN_SLICES + number) * SLICE_FRAMES
        if number == 0:
            history = lanes[at - 4 : at, None, :]
            np.clip(weights, -32768, 32767, out=weights)
            state[:4], state[4:] = history[:, 0], weights[:, 0]
        bits, history, weights = coder.encode(lanes[at : at + SLICE_FRAMES], history, weights)
        if number >= 0:
            slices[number] = bits
    return state.T, slices


class _SliceCoder:
    """Encodes one slice of each lane with every scale factor, and keeps the best."""

    def __init__(self, width: int) -> None:
        shape = (_SCALES, width)
        self._width = width
        self._samples = np.empty((4 + SLICE_FRAMES, *shape), np.int32)
        self._signs = np.empty_like(self._samples)
        self._codes = np.empty((SLICE_FRAMES, *shape), np.uint8)
        self._weights = np.empty((4, *shape), np.int32)
        self._products = np.empty((4, *shape), np.int32)
        self._wanted = np.empty(shape, np.int32)
        self._sign = np.empty(shape, np.int32)
        self._above = np.empty((3, *shape), np.bool_)
        self._row = np.empty(shape, np.intp)
        self._square = np.empty(shape, np.float64)

    def encode(self, wanted: Int32, history: Int32, weights: Int32) -> tuple[NDArray[np.uint64], Int32, Int32]:
        """Slices, and history and weights of shape (4, 1, lanes) after them."""
        samples, signs = self._samples, self._signs
        samples[:4] = history
        signs[:4] = (history >> 31) | 1
        self._weights[:] = weights
        error = np.zeros(self._square.shape)
        for i in range(SLICE_FRAMES):
            self._sample(i, wanted[i])
            np.subtract(samples[4 + i], wanted[i], out=self._wanted)
            np.multiply(self._wanted, self._wanted, out=self._square, dtype=np.float64)
            error += self._square
        power = np.square(self._weights, dtype=np.float64).sum(axis=0) // (1 << _WEIGHT_POWER_BITS)
        error += SLICE_FRAMES * np.square(np.maximum(power - _WEIGHT_POWER_FREE, 0))
        best = error.argmin(axis=0)
        lane = np.arange(self._width)
        bits = best.astype(np.uint64)
        for code in self._codes[:, best, lane]:
            bits = bits << np.uint64(3) | code
        return bits, samples[SLICE_FRAMES:, best, lane][:, None], self._weights[:, best, lane][:, None]

    def _sample(self, i: int, wanted: Int32) -> None:
        """Sample `i` of the slice with every scale factor."""
        sample, sign, rest, products = self._samples[4 + i], self._sign, self._wanted, self._products
        np.multiply(self._samples[i : i + 4], self._weights, out=products)
        np.add.reduce(products, 0, np.int32, sample)
        sample >>= 13
        np.subtract(wanted, sample, out=rest)
        np.right_shift(rest, 31, out=sign)
        np.abs(rest, out=rest)
        np.greater_equal(rest, _BORDERS, out=self._above)
        level = self._above.view(np.uint8).sum(axis=0, dtype=np.uint8)
        np.add(_ROW_START, level, out=self._row)
        np.take(_LEVEL_ROWS, self._row, out=rest, mode="clip")
        level <<= 1
        np.subtract(level, sign, out=self._codes[i], casting="unsafe")
        sign |= 1
        rest *= sign
        sample += rest
        np.maximum(sample, -32768, out=sample)
        np.minimum(sample, 32767, out=sample)
        rest >>= 4
        np.multiply(self._signs[i : i + 4], rest, out=products)
        self._weights += products
        np.right_shift(sample, 31, out=self._signs[4 + i])
        self._signs[4 + i] |= 1


def _zero_unused(slices: NDArray[np.uint64], held: int) -> None:
    """The bits behind the last sample of the last slice are zero (specification)."""
    unused = slices_of(held) * SLICE_FRAMES - held
    slices[slices_of(held) - 1] &= np.uint64(0xFFFFFFFFFFFFFFFF << 3 * unused & 0xFFFFFFFFFFFFFFFF)
