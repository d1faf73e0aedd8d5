"""A machine in virtual time, for players in this process: its clocks, a sound card, and a disk that may fail.

A second of play takes some milliseconds, and a machine may stand still for hours.
"""

import random
import time as system_time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from amos import app
from amos.edges import alsa_host, clock, clocked_sink, link_ports, wav_out
from amos.edges.audio_out import NullSink
from amos.edges.audio_sink import FRAME_BYTES, OutputGone
from amos.edges.sector_device import FileSectorDevice
from amos.edges.worker import InlineWorker
from amos.session import session

RING_MS = 68


class Machine:
    """`now_ms`: true Unix time, and the monotonic clock's; `wall_ms`: what the wall clock is wrong by."""

    def __init__(self, now_ms: int):
        self.now_ms = now_ms
        self.wall_ms = 0
        self.card_in = True
        self.disk_fails = False

    def sleep(self, duration_ms: int) -> None:
        self.now_ms += duration_ms

    def run_players(self, patch: pytest.MonkeyPatch) -> None:
        """Players take this machine's clocks, card and disk. What threads would do is done at once, so that each run
        of a seed is the same."""
        walls = SimpleNamespace(time_ns=lambda: (self.now_ms + self.wall_ms) * 1_000_000, localtime=_utc)
        patch.setattr(clock, "ticks_ms", lambda: self.now_ms)
        patch.setattr(clock, "time", walls)
        for module in (clocked_sink, link_ports):
            patch.setattr(module, "sleep_ms", self.sleep)
        patch.setattr(wav_out, "WavSink", lambda _name, _rate_hz: NullSink())
        patch.setattr(alsa_host, "open_alsa", lambda _name, rate_hz, _config, _clock: Card(self, rate_hz))
        patch.setattr(app, "open_worker", lambda _free: InlineWorker())
        patch.setattr(session, "_stems_ahead", lambda _pack, _config: None)
        for name in ("write", "sync"):
            patch.setattr(FileSectorDevice, name, self._may_fail(getattr(FileSectorDevice, name)))

    def _may_fail(self, done: Callable[..., Any]) -> Callable[..., Any]:
        def tried(*told: Any) -> Any:
            if self.disk_fails:
                raise OSError("the disk fails")
            return done(*told)

        return tried


def _utc(unix_s: int) -> tuple[int, ...]:
    return tuple(system_time.gmtime(unix_s))


class Card:
    """A sound card: a ring that empties in real time by its own crystal, and may be pulled out."""

    clocked, fades = True, True
    held_bytes_max = 1 << 16

    def __init__(self, machine: Machine, rate_hz: int):
        self._machine = machine
        self._ppm = random.Random(rate_hz).randint(-100, 100)
        self._rate_hz = rate_hz
        self.block_frames_max = 25 * rate_hz // 1000 // 64 * 64
        self.underruns = 0
        self._taken = self._sounded = 0
        self._looked_ms = machine.now_ms
        self._look()

    def _look(self) -> None:
        if not self._machine.card_in:
            raise OutputGone("no card")
        lasted_ms = self._machine.now_ms - self._looked_ms
        self._looked_ms += lasted_ms
        most = lasted_ms * self._rate_hz * (1_000_000 + self._ppm) // 1_000_000_000
        self.underruns += self._taken > 0 and self._sounded + most > self._taken
        self._sounded = min(self._taken, self._sounded + most)

    def write(self, pcm: Any, _last: bool = False) -> int:
        self._look()
        self._taken += len(pcm) // FRAME_BYTES
        while self._taken - self._sounded > RING_MS * self._rate_hz // 1000:
            self._machine.sleep(5)
            self._look()
        return self._sounded

    def close(self) -> int:
        if self._machine.card_in:
            self._sounded = self._taken
        return self._sounded
