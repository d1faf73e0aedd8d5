"""A sound card on a clock that a test moves: the twin of `alsa_library_host.Pcm`, which can run dry and be
unplugged."""

from amos.edges.alsa_library_host import RanDry
from amos.edges.audio_sink import OutputGone

FRAME_BYTES = 4


class StepClock:
    """A clock that a test moves; sleeping moves it too. Whole microseconds."""

    def __init__(self) -> None:
        self.us = 0

    def now_ms(self) -> int:
        return self.us // 1000

    anchor = None

    def unix_ms(self) -> None:
        return None

    wall_unix_ms = trusted_unix_ms = unix_ms

    def status(self) -> int:
        return 0

    def sleep_ms(self, duration_ms: int) -> None:
        self.us += duration_ms * 1000


class Card:
    """Plays what it holds at `rate_hz` of `clock`. Periods are a frame long: it is never wrong about what has sounded.

    heard      every byte that has sounded
    gone       what every call fails with while it is unplugged, or ""
    fifo_frames   what it takes out of the buffer before it plays it
    stuck      whether it takes frames and lets none sound
    ran_dry    how often
    """

    rate_hz = 48000

    def __init__(self, clock: StepClock, buffer_frames: int = 4096, rate_hz: int = 48000):
        self.clock = clock
        self.buffer_frames = buffer_frames
        self.rate_hz = rate_hz
        self.fifo_frames = 0
        self.heard = bytearray()
        self.gone = ""
        self.stuck = False
        self.ran_dry = 0
        self.closed = 0
        self._reset()

    def _reset(self) -> None:
        self._held = bytearray()
        self._fifo = bytearray()
        self._running = False
        self._dry = False
        self._us = 0

    def reopened(self) -> "Card":
        """The same card, opened again: what it held is gone. Raises `OutputGone` while there is none."""
        if self.gone:
            raise OutputGone(self.gone)
        self._reset()
        return self

    def write(self, pcm: bytes, frames: int) -> int:
        self._play()
        count = min(frames, self.buffer_frames - len(self._held) // FRAME_BYTES)
        self._held += pcm[: count * FRAME_BYTES]
        return count

    def delay(self) -> int:
        self._play()
        return (len(self._held) + len(self._fifo)) // FRAME_BYTES

    def heard_frames(self) -> int:
        """Frames that have sounded by this moment."""
        self._play()
        return len(self.heard) // FRAME_BYTES

    def waiting(self) -> int:
        self._play()
        return len(self._held) // FRAME_BYTES

    def wait(self, timeout_ms: int) -> bool:
        self._play()
        room = self.buffer_frames - len(self._held) // FRAME_BYTES
        if room:
            return True
        self.clock.sleep_ms(1 if self._running and not self.stuck else timeout_ms)
        return self._running and not self.stuck

    def start_if_waiting(self) -> None:
        self._play()
        if not self._running:
            self._running, self._us = True, self.clock.us

    def prepare(self) -> None:
        self._check()
        self._running = self._dry = False

    def drain(self) -> None:
        self._check()
        self._take(len(self._held) // FRAME_BYTES)
        self.clock.us += len(self._held) // FRAME_BYTES * 1_000_000 // self.rate_hz
        self.heard += self._fifo
        self._fifo.clear()

    def close(self) -> None:
        self.closed += 1

    def _check(self) -> None:
        if self.gone:
            raise OSError(19, self.gone)

    def _play(self) -> None:
        """Let sound what the time since the last look allows."""
        self._check()
        if self._dry:
            raise RanDry
        if not self._running or self.stuck:
            return
        frames = (self.clock.us - self._us) * self.rate_hz // 1_000_000
        held = len(self._held) // FRAME_BYTES
        self._take(min(frames, held))
        if frames > held:
            self.heard += self._fifo
            self._fifo.clear()
            self._dry = True
            self.ran_dry += 1
            raise RanDry
        self._us += frames * 1_000_000 // self.rate_hz

    def _take(self, frames: int) -> None:
        self._fifo += self._held[: frames * FRAME_BYTES]
        del self._held[: frames * FRAME_BYTES]
        over = max(0, len(self._fifo) - self.fifo_frames * FRAME_BYTES)
        self.heard += self._fifo[:over]
        del self._fifo[:over]
