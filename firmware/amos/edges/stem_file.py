"""A stem on a card or disk, read as it is played. One file a codec: `stem_file_qoa`; `stem_file_numpy` for hosts."""

from amos.compat import error_words, readinto
from amos.protocol.errors import ProtocolError


class BlobError(ProtocolError):
    """A blob is missing, cannot be read, or is not what the signed manifest says."""


class FileStem:
    """pcm16 read from a file by seek. `frames`, `channels` (1 or 2), `read_into` as the mixer wants them.

    `admit(stem)` is told when it opens its file, so that others may close theirs.
    """

    def __init__(self, admit, path: str, frames: int, channels: int):
        self.frames = frames
        self.channels = channels
        self._admit = admit
        self._path = path
        self._file = None

    def read_into(self, buffer: bytearray, start_frame: int, frame_count: int) -> None:
        """Fill the front of `buffer`; ValueError outside the stem, `BlobError` when the file fails."""
        if not 0 <= start_frame <= start_frame + frame_count <= self.frames:
            raise ValueError("frames: expected inside 0 to %d, got %d + %d" % (self.frames, start_frame, frame_count))
        size_bytes = frame_count * 2 * self.channels
        if len(buffer) < size_bytes:
            raise ValueError("buffer: expected %d bytes, got %d" % (size_bytes, len(buffer)))
        self._fill(buffer, start_frame, frame_count)

    def _fill(self, buffer: bytearray, start_frame: int, frame_count: int) -> None:
        """`read_into`, its arguments checked."""
        self._read_file(buffer, frame_count * 2 * self.channels, start_frame * 2 * self.channels)

    def _read_file(self, buffer: bytearray, size_bytes: int, at: int) -> None:
        """Fill the front of `buffer` with `size_bytes` of the file from `at` on. Raises `BlobError`."""
        try:
            file = self._opened()
            file.seek(at)
            done = readinto(file, buffer, size_bytes)
            while done < size_bytes:
                count = file.readinto(memoryview(buffer)[done:size_bytes])
                if not count:
                    raise BlobError("%s: expected %d more bytes, found the end" % (self._path, size_bytes - done))
                done += count
        except OSError as error:
            raise BlobError("%s: expected a readable file, found %s" % (self._path, error_words(error)))

    def close(self) -> None:
        """Give the file back to the system; the next read opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self):
        if self._file is None:
            file = open(self._path, "rb")
            self._admit(self)
            self._file = file
        return self._file
