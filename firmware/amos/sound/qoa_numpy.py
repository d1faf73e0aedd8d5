"""QOA on NumPy: frames know nothing of each other, so all of them, and their channels, are decoded side by side."""

import numpy as np
from numpy.typing import NDArray

from amos.sound.qoa import (
    FRAME_FRAMES,
    FRAME_HEADER_BYTES,
    FRAME_SLICES,
    RESIDUALS,
    SLICE_FRAMES,
    STATE_BYTES,
    frame_bytes,
)

Int16 = NDArray[np.int16]

_RESIDUALS = np.array(RESIDUALS, np.int32)
_SHIFTS = np.arange(57, -1, -3, dtype=np.uint64)[:, None]
_LOWEST = np.array(-32768, np.int32)
_HIGHEST = np.array(32767, np.int32)
_PREDICT_BITS = np.array(13, np.int32)
_SIGN_BITS = np.array(31, np.int32)


def decode_frames(data: bytes | memoryview, frames: int, channels: int) -> Int16:
    """int16 samples of shape (frames, channels) of the QOA frames in `data`: all full ones, or the last one shorter.

    `data` begins at a frame's header, and its size is that of `frames` frames of audio.
    """
    full, rest = divmod(frames, FRAME_FRAMES)
    size_bytes = frame_bytes(FRAME_FRAMES, channels)
    raw = np.frombuffer(data, np.uint8)
    whole = raw[: full * size_bytes].reshape(full, size_bytes)
    if rest:
        last = np.zeros((1, size_bytes), np.uint8)
        last[0, : frame_bytes(rest, channels)] = raw[full * size_bytes :]
        whole = np.concatenate((whole, last))
    lanes = channels * len(whole)
    body = whole[:, FRAME_HEADER_BYTES:]
    states = np.ascontiguousarray(body[:, : channels * STATE_BYTES]).view(">i2").reshape(lanes, 8).T.astype(np.int32)
    slices = np.ascontiguousarray(body[:, channels * STATE_BYTES :]).view(">u8")
    slices = slices.reshape(-1, FRAME_SLICES, channels).transpose(1, 0, 2).reshape(FRAME_SLICES, lanes)
    count = FRAME_SLICES if full else -(-rest // SLICE_FRAMES)
    decoded = _decode(states, slices.astype(np.uint64)[:count])
    decoded = decoded.reshape(-1, channels, count * SLICE_FRAMES).transpose(0, 2, 1).reshape(-1, channels)
    return np.ascontiguousarray(decoded[:frames])


def _decode(states: NDArray[np.int32], slices: NDArray[np.uint64]) -> Int16:
    """int16 of shape (lanes, samples), of states of shape (8, lanes) and slices of shape (slices, lanes)."""
    count, lanes = slices.shape
    out = np.empty((lanes, count * SLICE_FRAMES), np.int16)
    weights = states[4:].copy()
    samples = np.empty((4 + SLICE_FRAMES, lanes), np.int32)  # four of history in front
    signs = np.empty_like(samples)  # 1 or -1
    samples[:4] = states[:4]
    signs[:4] = (states[:4] >> _SIGN_BITS) | 1
    products = np.empty((4, lanes), np.int32)
    for number in range(count):
        bits = slices[number]
        index = ((bits >> _SHIFTS) & np.uint64(7)) + ((bits >> np.uint64(60)) << np.uint64(3))
        residuals = _RESIDUALS[index.astype(np.intp)]
        changes = residuals >> 4
        for i in range(SLICE_FRAMES):
            sample = samples[4 + i]
            np.multiply(samples[i : i + 4], weights, out=products)
            np.add.reduce(products, 0, np.int32, sample)
            sample >>= _PREDICT_BITS
            sample += residuals[i]
            np.maximum(sample, _LOWEST, out=sample)
            np.minimum(sample, _HIGHEST, out=sample)
            np.multiply(signs[i : i + 4], changes[i], out=products)
            weights += products
            sign = signs[4 + i]
            np.right_shift(sample, _SIGN_BITS, out=sign)
            sign |= 1
        out[:, number * SLICE_FRAMES : (number + 1) * SLICE_FRAMES] = samples[4:].T
        samples[:4] = samples[SLICE_FRAMES:]
        signs[:4] = signs[SLICE_FRAMES:]
    return out
