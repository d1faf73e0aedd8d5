"""A stem's blob mapped into memory, for the NumPy mixer; CPython only."""

import numpy as np

from amos.edges.stem_file import BlobError, FileStem, PackFolder


class MappedStem(FileStem):
    """A `FileStem` that also offers its samples in place: 1-D int16 of frames * channels, read-only."""

    def __init__(self, folder: PackFolder, path: str, frames: int, channels: int) -> None:
        super().__init__(folder, path, frames, channels)
        self._samples: np.ndarray | None = None

    @property
    def samples(self) -> np.ndarray:
        """`np.memmap` of the blob. Raises `BlobError` when the file is gone or shorter than it was."""
        if self._samples is None:
            try:
                mapped = np.memmap(self._path, dtype="<i2", mode="r", shape=(self.frames * self.channels,))
            except (OSError, ValueError) as error:
                raise BlobError("%s: expected a readable file, found %s" % (self._path, error)) from None
            self._folder.admit(self)
            self._samples = mapped
        return self._samples

    def close(self) -> None:
        """Also drop the mapping; it ends when the last view of it does."""
        super().close()
        self._samples = None
