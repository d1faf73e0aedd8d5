"""A serial line of a stated speed between a courier and a player's pty, 10 bits a byte."""

import os
import select
import threading
import time
import tty
from pathlib import Path
from types import TracebackType

TICK_S = 0.002
LATE_TICKS_MAX = 10
"""What the machine keeps this thread from doing for longer is no fault of the two at the line, and not counted."""


class _Way:
    """One way of the line: `passed` bytes, and how many more could have in the time in which nothing came."""

    def __init__(self, source: int, target: int):
        self.passed = self.rested = 0.0
        self._source, self._target = source, target
        self._held = b""
        self._budget = 0.0

    def move(self, room: float) -> None:
        self._budget += room
        while self._budget >= 1:
            if not self._held and select.select([self._source], [], [], 0)[0]:
                self._held = os.read(self._source, 4096)
            if not self._held:
                self.rested += self._budget
                self._budget = 0
                return
            count = os.write(self._target, self._held[: int(self._budget)])
            self._held = self._held[count:]
            self._budget -= count
            self.passed += count


class PacedLine:
    """A context; `path` is what a courier opens, `pty` the name of the player's."""

    def __init__(self, pty: Path, path: Path, baud: int):
        self.path = path
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self._slave = slave
        path.symlink_to(os.ttyname(slave))
        self._player = os.open(pty, os.O_RDWR | os.O_NOCTTY)
        self._bytes_s = baud / 10
        self.up, self._down = _Way(self._master, self._player), _Way(self._player, self._master)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "PacedLine":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for descriptor in (self._master, self._slave, self._player):
            os.close(descriptor)

    def _run(self) -> None:
        before = time.perf_counter()
        while not self._stopping.is_set():
            time.sleep(TICK_S)
            at = time.perf_counter()
            room = self._bytes_s * min(at - before, LATE_TICKS_MAX * TICK_S)
            before = at
            self.up.move(room)
            self._down.move(room)
