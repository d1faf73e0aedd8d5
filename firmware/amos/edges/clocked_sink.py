"""Real time for an output that has no clock of its own, a file or nowhere. `audio_sink` has the contract."""

from amos.compat import const
from amos.edges.clock import sleep_ms

AHEAD_MS = 500
"""How far such an output may run ahead."""

_BEHIND_MS = const(500)
"""How much of a standstill it makes up for: a machine that stood still for an hour does not play that hour at once."""


class ClockedSink:
    """A sink without a clock of its own, slowed down to real time: never more than `ahead_frames` before it.

    What it has fallen behind by more than `_BEHIND_MS` is lost, as on an output that ran dry. So between any
    two moments it takes at most ahead and behind, 1,000 ms, more than the time between them.
    """

    clocked, fades = True, False
    underruns = held_bytes_max = 0

    def __init__(self, sink, rate_hz: int, clock, ahead_frames: int):
        self._sink = sink
        self._rate_hz = rate_hz
        self._clock = clock
        self._ahead_frames = ahead_frames
        self._started_ms = clock.now_ms()
        self._frames = 0

    def write(self, pcm, last: bool = False) -> int:
        frames_ms = self._frames * 1000 // self._rate_hz
        self._started_ms = max(self._started_ms, self._clock.now_ms() - frames_ms - _BEHIND_MS)
        self._frames = frames = self._sink.write(pcm)
        ahead = frames - self._ahead_frames - (self._clock.now_ms() - self._started_ms) * self._rate_hz // 1000
        if ahead > 0:
            sleep_ms(ahead * 1000 // self._rate_hz)
        return frames

    def close(self) -> int:
        """Waits until real time has caught up: each session that ends would add what it is ahead."""
        ahead_ms = self._frames * 1000 // self._rate_hz - (self._clock.now_ms() - self._started_ms)
        if ahead_ms > 0:
            sleep_ms(ahead_ms)
        return self._sink.close()
