"""PCM that an output has taken and not yet let sound: it waits to be counted and hashed."""


class HeldPcm:
    """Bytes in, bytes out, in order. Room for `bytes_max` is taken at once, so that holding allocates nothing."""

    def __init__(self, bytes_max: int):
        self._buffer = bytearray(bytes_max)
        self._view = memoryview(self._buffer)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, pcm) -> None:
        """Hold these too; an output that takes more than it said makes the room grow."""
        end = self._size + len(pcm)
        if end > len(self._buffer):
            grown = bytearray(end)
            grown[: self._size] = self._view[: self._size]
            self._buffer = grown
            self._view = memoryview(grown)
        self._view[self._size : end] = pcm
        self._size = end

    def first(self, count: int):
        """The first `count` bytes, valid until the next `drop`."""
        return self._view[:count]

    def drop(self, count: int) -> None:
        """Forget the first `count` bytes."""
        left = self._size - count
        self._view[:left] = self._view[count : self._size]
        self._size = left
