"""A loop whose end does not meet its beginning would click where it goes round: its edges are faded."""

import numpy as np

from amos_tools.vault.audio import FloatFrames

EDGE_IN_FRAMES = 64
EDGE_OUT_FRAMES = 1024
"""As long as the fades of a stem that has no other (`amos_tools.script.compile`)."""


def meets_itself(samples: FloatFrames) -> bool:
    """Whether the first of `samples`, of shape (frames, channels), follow on the last no harder than others do."""
    if len(samples) < EDGE_IN_FRAMES + EDGE_OUT_FRAMES:
        return True
    seam = np.concatenate((samples[-2:], samples[:2]))
    return bool(np.abs(np.diff(seam, 2, axis=0)).max() <= np.abs(np.diff(samples, 2, axis=0)).max())


def with_seam(samples: FloatFrames) -> FloatFrames:
    """`samples` as they are if the loop meets itself, else from nothing and to nothing at its ends."""
    if meets_itself(samples):
        return samples
    faded = samples.copy()
    faded[:EDGE_IN_FRAMES] *= np.linspace(0, 1, EDGE_IN_FRAMES, endpoint=False, dtype=np.float32)[:, None]
    faded[-EDGE_OUT_FRAMES:] *= np.linspace(1, 0, EDGE_OUT_FRAMES, dtype=np.float32)[:, None]
    return faded
