"""The ALSA output of Linux players (contract in `audio_out`)."""

import subprocess
import time

FRAME_BYTES = 4
APLAY_LATENCY_MS = 100
"""From the first write to the first sound: process start and one ALSA period, generously."""


class AplaySink:
    """ALSA through `aplay`: its blocking pipe clocks the player. Linux.

    Delivered is what has sounded: frames written, less what pipe and device still hold, of which elapsed time less the
    device's start is the measure; so a cut never counts what was not heard.
    """

    def __init__(self, device: str, rate_hz: int):
        command = ["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "2", "-r", str(rate_hz), "-D", device]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert self._process.stdin is not None
        self._stdin = self._process.stdin
        self._rate_hz = rate_hz
        self._frames = 0
        self._started: float | None = None
        self._delivered = 0

    def write(self, pcm: bytes) -> int:
        if self._started is None:
            self._started = time.monotonic()
        self._stdin.write(pcm)
        self._stdin.flush()
        self._frames += len(pcm) // FRAME_BYTES
        sounded = int((time.monotonic() - self._started) * self._rate_hz) - self._rate_hz * APLAY_LATENCY_MS // 1000
        self._delivered = max(self._delivered, min(self._frames, sounded))
        return self._delivered

    def close(self) -> int:
        try:
            self._stdin.close()
        except OSError:
            pass  # aplay has gone, and what it held with it
        if self._process.wait() == 0:
            self._delivered = self._frames
        return self._delivered
