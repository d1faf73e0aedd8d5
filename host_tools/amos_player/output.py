"""Audio to a function of the program that embeds the player. `amos.edges.audio_sink` has the contract."""

from collections.abc import Callable

from amos.edges.audio_sink import FRAME_BYTES

Audio = Callable[[bytes, int], object]
"""Takes int16 stereo samples, little-endian, left before right, and their rate in Hz. It is called on the player's
thread, about every 85 ms: one that is slow makes the player late, one that raises ends its play."""

OUT = "wav:program"
"""Samples that are handed over to something without a clock count as those of a file: in the signed log, too."""


class CallbackSink:
    """Frames count as delivered when the function has returned."""

    clocked = fades = False
    underruns = held_bytes_max = 0

    def __init__(self, audio: Audio, rate_hz: int):
        self._audio = audio
        self._rate_hz = rate_hz
        self._frames = 0

    def write(self, pcm: bytes, last: bool = False) -> int:
        """Raises OSError for whatever the function raises."""
        try:
            self._audio(bytes(pcm), self._rate_hz)
        except Exception as error:
            raise OSError(f"the function that takes it raised {type(error).__name__}: {error}") from error
        self._frames += len(pcm) // FRAME_BYTES
        return self._frames

    def close(self) -> int:
        """Nothing waits here."""
        return self._frames
