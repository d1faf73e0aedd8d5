"""QOA blobs of a pack: whether one is what the manifest says, and a source that decodes as it is read.

RAM for each stem that sounds: a cursor of some 300 bytes, and 80 bytes for the slice under way. Slices are decoded from
the file straight into the mixer's buffer, so no frame is ever held whole.
"""

from array import array

from amos.compat import MICROPYTHON, const
from amos.edges.stem_file import BlobError, FileStem
from amos.sound import qoa

_CURSORS_MAX = const(4)
"""Places of one stem that are read alternately: a stem may sound on two voices while each fades. A further reader would
make the decoder begin a frame again."""

_READ_SLICES = const(64)
_scratch = bytearray(2 * _READ_SLICES * qoa.SLICE_BYTES)  # shared: a read leaves nothing in it


def _kernel():
    if MICROPYTHON:
        try:
            from amos.sound import qoa_viper

            return qoa_viper
        except (ImportError, SyntaxError):  # a port without the native emitter refuses the decorator
            pass
    return qoa


_KERNEL = _kernel()


class QoaChunks:
    """Checks the file and frame headers of a blob while it is hashed. Raises `BlobError`.

    bytes_max     size of the largest chunk
    next_bytes()  size of the next one: the file header, then one frame each
    """

    def __init__(self, frames: int, channels: int, rate_hz: int, size_bytes: int):
        if size_bytes != qoa.file_bytes(frames, channels):
            raise BlobError("expected %d bytes of QOA, found %d" % (qoa.file_bytes(frames, channels), size_bytes))
        self.bytes_max = qoa.frame_bytes(qoa.FRAME_FRAMES, channels)
        self._frames = frames
        self._channels = channels
        self._rate_hz = rate_hz
        self._index = -1  # of the frame to come; the file header comes before frame 0

    def next_bytes(self) -> int:
        """Always at least 1, so that the end of the file is seen as such."""
        if self._index < 0:
            return qoa.FILE_HEADER_BYTES
        return qoa.frame_bytes(self._held(), self._channels) if self._held() else 1

    def look_into(self, chunk: bytearray, count: int) -> None:
        """`count` bytes, read as `next_bytes` asked: a short read of a whole file is a fault."""
        if self._index < 0:
            expected = qoa.file_header(self._frames)
        else:
            expected = qoa.frame_header(self._rate_hz, self._held(), self._channels)
        if count != self.next_bytes() or bytes(chunk[: len(expected)]) != expected:
            where = "the file header" if self._index < 0 else "frame %d" % self._index
            raise BlobError("expected QOA of %d frames, found another header at %s" % (self._frames, where))
        self._index += 1

    def _held(self) -> int:
        """Frames of audio in the frame to come."""
        return max(0, min(qoa.FRAME_FRAMES, self._frames - self._index * qoa.FRAME_FRAMES))


class _Cursor:
    """A place in a stem: what the decoder knows there, and what it decoded past the frames asked for."""

    def __init__(self, channels: int):
        self.frame = -1  # the frame that comes next; -1: nowhere
        self.states = [array("i", bytes(4 * qoa.STATE_LENGTH)) for _ in range(channels)]
        self.slice = bytearray(2 * channels * qoa.SLICE_FRAMES)
        self.slice_end = 0  # the frame behind `slice`; those from `frame` on are still to be given


class QoaStem(FileStem):
    """QOA decoded as it is read. Reads that go on where one of the last few ended cost their own frames only."""

    def __init__(self, admit, path: str, frames: int, channels: int, kernel=None):
        super().__init__(admit, path, frames, channels)
        self._kernel = kernel or _KERNEL
        self._cursors: list = []  # the one read last at the end

    def close(self) -> None:
        """Also forget where it was read."""
        super().close()
        self._cursors = []

    def _fill(self, buffer: bytearray, start_frame: int, frame_count: int) -> None:
        # Places in `buffer` go as numbers: slices of it would be allocations, for each read of each stem.
        if not frame_count:
            return
        channels = self.channels
        cursor = self._taken_cursor(start_frame)
        done = 0
        try:
            if cursor.frame != start_frame:
                self._send(cursor, start_frame)
            while done < frame_count:
                waiting = cursor.slice_end - cursor.frame
                if waiting:
                    count = min(waiting, frame_count - done)
                    begin = self._slice_frames(cursor.slice_end) - waiting
                    self._kernel.copy(buffer, done * channels, cursor.slice, begin * channels, count * channels)
                else:
                    count = self._decode_slices(cursor, buffer, done, frame_count - done)
                cursor.frame += count
                done += count
        except BlobError:
            cursor.frame = -1
            raise

    def _slice_frames(self, slice_end: int) -> int:
        """Frames in the slice that ends there; only a stem's last may be short."""
        return slice_end % qoa.SLICE_FRAMES or qoa.SLICE_FRAMES

    def _taken_cursor(self, frame: int) -> _Cursor:
        """The cursor that stands at `frame`; if none does, one that came to the end or nowhere, a new one, or the one
        read longest ago."""
        cursors = self._cursors
        found = None
        for cursor in cursors:
            if cursor.frame == frame:
                found = cursor
                break
            if not 0 <= cursor.frame < self.frames:
                found = cursor
        if found is None:
            found = cursors[0] if len(cursors) >= _CURSORS_MAX else _Cursor(self.channels)
        if found in cursors:
            cursors.remove(found)
        cursors.append(found)
        return found

    def _send(self, cursor: _Cursor, frame: int) -> None:
        """Bring the cursor to `frame`, slice by slice from the head of the QOA frame that holds it."""
        cursor.frame = cursor.slice_end = frame - frame % qoa.FRAME_FRAMES
        while cursor.slice_end < frame:
            cursor.frame = cursor.slice_end
            self._decode_slices(cursor, cursor.slice, 0, 0)
        cursor.frame = frame

    def _decode_slices(self, cursor: _Cursor, out: bytearray, begin: int, frame_count: int) -> int:
        """Decode whole slices at the cursor into `out` from frame `begin` on and return their frames; 0 if not even one
        fits, which then is in the cursor's slice."""
        in_frame = cursor.frame % qoa.FRAME_FRAMES
        at = qoa.frame_offset(cursor.frame // qoa.FRAME_FRAMES, self.channels)
        if in_frame == 0:
            self._load_states(cursor, at)
        slices = min(frame_count, self.frames - cursor.frame, qoa.FRAME_FRAMES - in_frame) // qoa.SLICE_FRAMES
        slices = min(slices, _READ_SLICES)
        at += qoa.FRAME_HEADER_BYTES + self.channels * qoa.STATE_BYTES
        at += in_frame // qoa.SLICE_FRAMES * self.channels * qoa.SLICE_BYTES
        if not slices:
            self._decode(cursor, at, 1, cursor.slice, 0)
            cursor.slice_end = min(self.frames, cursor.frame + qoa.SLICE_FRAMES)
            return 0
        self._decode(cursor, at, slices, out, begin * self.channels)
        cursor.slice_end += slices * qoa.SLICE_FRAMES
        return slices * qoa.SLICE_FRAMES

    def _load_states(self, cursor: _Cursor, at: int) -> None:
        self._read_file(_scratch, self.channels * qoa.STATE_BYTES, at + qoa.FRAME_HEADER_BYTES)
        for channel in range(self.channels):
            self._kernel.load_state(cursor.states[channel], _scratch, channel * qoa.STATE_BYTES)

    def _decode(self, cursor: _Cursor, at: int, slices: int, out: bytearray, out_at: int) -> None:
        channels = self.channels
        self._read_file(_scratch, slices * channels * qoa.SLICE_BYTES, at)
        for channel in range(channels):
            self._kernel.decode(
                cursor.states[channel], _scratch, channel * qoa.SLICE_BYTES, slices, channels, out, out_at + channel
            )
