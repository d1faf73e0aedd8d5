"""From floating point to a pack's 16 bits."""

import numpy as np

from amos_tools.vault.audio import FloatFrames, Int16Frames

_BLOCK_FRAMES = 1 << 18


def quantised(samples: FloatFrames, seed: bytes) -> Int16Frames:
    """`samples` of full scale 1 as int16, with triangular dither of two steps where 16 bits do not hold them.

    What 16 bits do hold stays as it is, and digital silence stays silent. The same samples and seed give the same.
    """
    random = np.random.RandomState(int.from_bytes(seed[:4], "big"))  # whose numbers no release of NumPy changes
    result = np.empty(samples.shape, np.int16)
    exact = holds_in_int16(samples)
    for start in range(0, len(samples), _BLOCK_FRAMES):
        steps = samples[start : start + _BLOCK_FRAMES].astype(np.float64) * 32768
        if not exact:
            dither = random.random_sample(steps.shape) - random.random_sample(steps.shape)
            steps += dither * steps.astype(bool).any(axis=1, keepdims=True)
        result[start : start + _BLOCK_FRAMES] = np.clip(np.rint(steps), -32768, 32767)
    return result


def holds_in_int16(samples: FloatFrames) -> bool:
    """Whether every sample is a whole step of 16 bits."""
    steps = samples * np.float32(32768)
    return bool((steps == np.rint(steps)).all())
