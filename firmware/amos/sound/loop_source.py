"""A stem that begins elsewhere than at its first frame, or again at its end: a source for the mixer over another."""


class LoopSource:
    """`frames` frames of `source` from frame `offset` on; after frame `loop` - 1 comes frame 0, unless `loop` is 0.

    Raises ValueError when the source does not have them.
    """

    def __init__(self, source, frames: int, offset: int, loop: int):
        if loop > source.frames or offset >= (loop or source.frames):
            raise ValueError("offset, loop: expected within %d frames, got %d, %d" % (source.frames, offset, loop))
        if not loop and offset + frames > source.frames:
            raise ValueError("frames: expected %d at most, got %d" % (source.frames - offset, frames))
        self.frames = frames
        self.channels = source.channels
        self._source = source
        self._offset = offset
        self._loop = loop or source.frames
        self._straight = min(frames, self._loop - offset)  # frames before the stem begins again

    @property
    def samples(self):
        """As the source's, where it has them: what slices of it give is an array."""
        samples = getattr(self._source, "samples", None)
        if samples is None:
            return None
        from amos.sound.loop_samples_numpy import LoopSamples

        return LoopSamples(samples, self._offset * self.channels, self._loop * self.channels)

    def read_into(self, buffer, start_frame: int, frame_count: int) -> None:
        """Fill the front of `buffer`; ValueError outside, and what the source raises."""
        # Asked for every block of every voice: what begins again is in a function of its own, for its frame is large.
        if 0 <= start_frame <= self._straight - frame_count:
            self._source.read_into(buffer, self._offset + start_frame, frame_count)
        else:
            self._read_around(buffer, start_frame, frame_count)

    def _read_around(self, buffer, start_frame: int, frame_count: int) -> None:
        if not 0 <= start_frame <= start_frame + frame_count <= self.frames:
            raise ValueError("frames: expected inside 0 to %d, got %d + %d" % (self.frames, start_frame, frame_count))
        at = (self._offset + start_frame) % self._loop
        view = memoryview(buffer)
        while frame_count:
            count = min(frame_count, self._loop - at)
            self._source.read_into(view, at, count)
            view = view[2 * count * self.channels :]
            frame_count -= count
            at = 0
