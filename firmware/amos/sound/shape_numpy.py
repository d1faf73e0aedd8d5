"""The kernels of `shape_plain` on NumPy, for CPython: many runs side by side, but for what is kept from run to run.

Sums of products of 16 and 16 bits are whole numbers far below 2**53, which float64 holds exactly in whatever order.
"""

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amos.sound.mixer_plain import UNITY_HALF
from amos.sound.shape import FRACTION_BITS, HEARD_FROM, RUN_FRAMES, STATE_WORDS

Float64 = NDArray[np.float64]


def low_pass(pcm: Any, table: "array[int]", channel: int, state: "array[int]", channels: int, frames: int) -> None:
    """As `shape_plain.low_pass`."""
    samples = np.frombuffer(pcm, np.dtype("<i2"), channels * frames)[channel::channels]
    first = STATE_WORDS * channel
    run = state[first + 1]
    runs, rest = divmod(run + frames, RUN_FRAMES)
    heard: Float64 = np.zeros((runs + 1, RUN_FRAMES))
    flat = heard.reshape(-1)
    flat[:run] = state[first + HEARD_FROM : first + HEARD_FROM + run]
    flat[run : run + frames] = samples
    sums = heard @ _weights(table)
    last = table[RUN_FRAMES - 1]
    ends = sums[:runs, -1].astype(np.int64).tolist()
    kept = [state[first]]
    for end in ends:
        kept.append((last * kept[-1] >> FRACTION_BITS) + end >> 15 - FRACTION_BITS)
    whole = np.array(kept, np.int64) + 128 >> FRACTION_BITS
    sums += np.multiply.outer(whole, np.array(table[:RUN_FRAMES], np.float64))
    samples[:] = (sums.reshape(-1)[run : run + frames].astype(np.int32) + UNITY_HALF) >> 15
    state[first], state[first + 1] = kept[-1], rest
    state[first + HEARD_FROM : first + HEARD_FROM + rest] = array("i", map(int, heard[runs, :rest]))


def _weights(table: "array[int]") -> Float64:
    """Column j adds what is heard of the samples of a run in its frame j."""
    weights = np.zeros((RUN_FRAMES, RUN_FRAMES))
    for frame in range(RUN_FRAMES):
        for heard in range(frame + 1):
            weights[heard, frame] = table[RUN_FRAMES + frame - heard]
    return weights


def turn_sides(pcm: Any, gains: "array[int]", frames: int) -> None:
    """As `shape_plain.turn_sides`."""
    samples = np.frombuffer(pcm, np.dtype("<i2"), 2 * frames).reshape(-1, 2)
    left, right = samples[:, 0].astype(np.int32), samples[:, 1].astype(np.int32)
    samples[:, 0] = gains[0] * left + gains[1] * right + UNITY_HALF >> 15
    samples[:, 1] = gains[2] * left + gains[3] * right + UNITY_HALF >> 15


def spread(pcm: Any, gains: "array[int]", frames: int) -> None:
    """As `shape_plain.spread`."""
    samples = np.frombuffer(pcm, np.dtype("<i2"), 2 * frames)
    one = samples[:frames].astype(np.int32)
    samples[0::2] = gains[0] * one + UNITY_HALF >> 15
    samples[1::2] = gains[1] * one + UNITY_HALF >> 15
