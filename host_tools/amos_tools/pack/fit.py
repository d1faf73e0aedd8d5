"""A loop that is a hair shorter or longer than its beats, made exactly as long: it would drift against the others.

It is played a little faster or slower, as a record would be: half a percent is 9 cents, below what is heard between
instruments that are in tune, and strokes stay as sharp as they were.
"""

import numpy as np

from amos_tools.vault.audio import FloatFrames

FIT_VERSION = 1
"""Raised with every change that alters samples: cached work of another version is not used."""

_MARGIN_FRAMES = 4096


def fitted(samples: FloatFrames, frames: int) -> FloatFrames:
    """`samples` of shape (frames, channels), a loop, in exactly `frames`: it still meets itself."""
    import soxr  # imported where it is used, as in amos_tools.vault.audio

    if frames == len(samples):
        return samples
    margin = min(_MARGIN_FRAMES, len(samples))
    around = np.concatenate((samples[-margin:], samples, samples[:margin])).astype(np.float64)
    ratio = frames / len(samples)
    fine = soxr.resample(around, 1.0, ratio, quality="VHQ")
    begin = round(margin * ratio)
    return np.ascontiguousarray(fine[begin : begin + frames], dtype=np.float32)
