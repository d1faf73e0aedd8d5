"""Stems for the NumPy mixer, which reads `samples` in place; CPython only."""

import mmap
from collections.abc import Callable

import numpy as np

from amos.edges.stem_file import BlobError, FileStem
from amos.sound import qoa
from amos.sound.qoa_numpy import decode_frames

Admit = Callable[[FileStem], None]

QOA_WINDOW_FRAMES = 128 * qoa.FRAME_FRAMES
"""15 s at 44.1 kHz, 2.6 MB in stereo: decoded side by side they take hardly longer than one QOA frame would."""

QOA_WINDOWS_MAX = 2
"""Windows held of one stem, so that two voices may play it at once."""


class MappedStem(FileStem):
    """A `FileStem` that also offers its samples in place: 1-D int16 of frames * channels, read-only."""

    def __init__(self, admit: Admit, path: str, frames: int, channels: int) -> None:
        super().__init__(admit, path, frames, channels)
        self._samples: np.ndarray | None = None

    @property
    def samples(self) -> np.ndarray:
        """The blob, mapped. Raises `BlobError` when the file is gone or shorter than it was."""
        if self._samples is None:
            try:
                with open(self._path, "rb") as file:
                    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self._samples = np.frombuffer(mapped, "<i2", self.frames * self.channels)
            except (OSError, ValueError) as error:
                raise BlobError("%s: expected a readable file, found %s" % (self._path, error)) from None
            mapped.madvise(mmap.MADV_WILLNEED)  # read ahead while the first block plays
            self._admit(self)
        return self._samples

    def close(self) -> None:
        """Also drop the mapping; it ends when the last view of it does."""
        super().close()
        self._samples = None


class QoaArrayStem(FileStem):
    """QOA decoded window by window; the windows read last are held."""

    def __init__(self, admit: Admit, path: str, frames: int, channels: int) -> None:
        super().__init__(admit, path, frames, channels)
        self._windows: dict[int, np.ndarray] = {}  # by number, the one read last at the end

    def close(self) -> None:
        """Also drop what is decoded."""
        super().close()
        self._windows = {}

    def _fill(self, buffer: bytearray, start_frame: int, frame_count: int) -> None:
        target = np.frombuffer(buffer, "<i2", frame_count * self.channels).reshape(frame_count, self.channels)
        done = 0
        while done < frame_count:
            number, begin = divmod(start_frame + done, QOA_WINDOW_FRAMES)
            part = self._window(number)[begin : begin + frame_count - done]
            target[done : done + len(part)] = part
            done += len(part)

    def _window(self, number: int) -> np.ndarray:
        window = self._windows.pop(number, None)
        if window is None:
            first = number * QOA_WINDOW_FRAMES
            frames = min(QOA_WINDOW_FRAMES, self.frames - first)
            at = qoa.frame_offset(first // qoa.FRAME_FRAMES, self.channels)
            data = bytearray(qoa.file_bytes(frames, self.channels) - qoa.FILE_HEADER_BYTES)
            self._read_file(data, len(data), at)
            window = decode_frames(memoryview(data), frames, self.channels)
            while len(self._windows) >= QOA_WINDOWS_MAX:
                del self._windows[next(iter(self._windows))]
        self._windows[number] = window
        return window
