"""The samples of a stem that goes round, for the NumPy mixer, which reads slices of them."""

import numpy as np
from numpy.typing import NDArray


class LoopSamples:
    """Slices, of both bounds, of `samples` from `offset` on, after whose first `loop` the first comes again."""

    def __init__(self, samples: NDArray[np.int16], offset: int, loop: int) -> None:
        self._samples = samples
        self._offset = offset
        self._loop = loop

    def __getitem__(self, part: slice) -> NDArray[np.int16]:
        count = part.stop - part.start
        at = (self._offset + part.start) % self._loop
        if at + count <= self._loop:
            return self._samples[at : at + count]
        first = self._samples[at : self._loop]
        return np.concatenate((first, self[part.start + len(first) : part.stop]))
