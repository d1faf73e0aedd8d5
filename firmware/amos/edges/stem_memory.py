"""The in-memory twin of a stem file: a source for the mixer (protocol in `amos.sound.mixer`) over PCM held in RAM."""


class MemoryStem:
    """int16 little-endian interleaved `pcm` bytes, `channels` 1 or 2."""

    def __init__(self, pcm: bytes, channels: int):
        if channels not in (1, 2) or len(pcm) % (2 * channels):
            raise ValueError("pcm: expected whole frames of 1 or 2 channels, got %d bytes of %d" % (len(pcm), channels))
        self.channels = channels
        self.frames = len(pcm) // (2 * channels)
        self._pcm = memoryview(pcm)

    def read_into(self, buffer: bytearray, start_frame: int, frame_count: int) -> None:
        """Fill the front of `buffer` with `frame_count` frames from `start_frame` on; ValueError outside the stem."""
        if not 0 <= start_frame <= start_frame + frame_count <= self.frames:
            raise ValueError("frames: expected inside 0 to %d, got %d + %d" % (self.frames, start_frame, frame_count))
        frame_bytes = 2 * self.channels
        begin = start_frame * frame_bytes
        buffer[: frame_count * frame_bytes] = self._pcm[begin : begin + frame_count * frame_bytes]
