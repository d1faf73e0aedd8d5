"""The demo's processes: started with a log file each, restarted when they should not have ended, stopped in the end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from amos_tools.demo.idleness import Idleness

STOP_S = 10
POLL_S = 0.05
IDLE_S_MAX = 30
"""A player that does nothing for so long before it is enrolled will not begin any more."""

RESTARTS_MAX = 10


class DemoError(Exception):
    """The demo cannot go on; the message says what to do."""


def amos_command(*words: str) -> list[str]:
    """argv of the command `amos` in this very installation."""
    return [sys.executable, "-m", "amos_tools", *words]


def run_amos(*words: str, beside: "Process | None" = None) -> str:
    """Run a command of `amos` to its end; its output. Raises `DemoError` with what it said.

    beside  a process that the command talks with: it is given up when that one has ended, or does nothing for long
    """
    command = amos_command(*words)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as popen:
        try:
            out, err = popen.communicate() if beside is None else _communicate_beside(popen, beside)
        except BaseException:
            popen.kill()
            raise
    if popen.returncode != 0:
        raise DemoError((err or out).strip() or f"amos {words[0]} failed")
    return out


def _communicate_beside(popen: "subprocess.Popen[str]", beside: "Process") -> tuple[str, str]:
    idleness = Idleness()
    while True:
        try:
            return popen.communicate(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            beside.check_alive()
            if idleness.seconds([beside.pid]) > IDLE_S_MAX:
                sentence = f"{beside.name} runs, but has done nothing for {IDLE_S_MAX} s and does not answer"
                raise DemoError(f"{sentence}: {beside.last_words()}") from None


def ending_signals() -> list[signal.Signals]:
    """Those that end a demo: Ctrl-C, SIGTERM, and SIGHUP (its terminal was closed) unless nohup has that ignored."""
    hears_hangup = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hears_hangup else [])]


def _interrupt(number: int, _frame: object = None) -> None:
    """Raises KeyboardInterrupt. Kernel and shell both say that a terminal was closed; once counts."""
    if number == signal.SIGHUP:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def ended_alike() -> Iterator[None]:
    """SIGTERM and SIGHUP end what is inside as Ctrl-C does: children are stopped before."""
    numbers = ending_signals()[1:]
    before = [signal.signal(number, _interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """What ends a demo counts when the block has ended: no child is started, or left running, that nobody knows of."""
    asked: list[int] = []
    numbers = ending_signals()
    before = [signal.signal(number, lambda number, _frame: asked.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if asked:
        _interrupt(asked[0])


class Process:
    """One child: its argv, its log file, its pid in `logs/<name>.pid` while it runs."""

    def __init__(self, name: str, command: list[str], logs: Path, end_signal: int = signal.SIGTERM):
        self.name = name
        self.log = logs / f"{name}.log"
        self.restarts = 0
        self._command = command
        self._end_signal = end_signal
        self._pid_file = logs / f"{name}.pid"
        self._popen = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the demo alone, which then stops its children in order.
            popen = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._pid_file.write_text(f"{popen.pid}\n")
        return popen

    def ended(self) -> int | None:
        """Exit code, or None while it runs."""
        return self._popen.poll()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def check_alive(self) -> None:
        """Raises `DemoError` with its last words when it has ended."""
        code = self.ended()
        if code is not None:
            raise DemoError(f"{self.name} ended with {code}: {self.last_words()}")

    def keep_running(self) -> bool:
        """Start it again if it has ended; whether that was needed. Raises `DemoError` when it will not stay."""
        if self.ended() is None:
            return False
        self.restarts += 1
        if self.restarts > RESTARTS_MAX:
            raise DemoError(f"{self.name} ended {self.restarts} times: {self.last_words()}; see {self.log}")
        with undisturbed():
            self._popen = self._start()
        return True

    def stop(self) -> None:
        """Ask it to end, then insist."""
        if self.ended() is None:
            self._popen.send_signal(self._end_signal)
            try:
                self._popen.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        self._pid_file.unlink(missing_ok=True)

    def last_words(self, count: int = 3) -> str:
        """The end of its log, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:]) or f"it said nothing ({self.log})"


class Processes:
    """A context that stops what was started in it, the newest first."""

    def __init__(self, logs: Path):
        self._logs = logs
        self._started: list[Process] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            for process in reversed(self._started):
                process.stop()

    def start(self, name: str, command: list[str], end_signal: int = signal.SIGTERM) -> Process:
        with undisturbed():
            process = Process(name, command, self._logs, end_signal)
            self._started.append(process)
        return process

    def keep_running(self) -> None:
        """Start again what has ended. Raises `DemoError` for one that will not stay."""
        for process in self._started:
            process.keep_running()


def wait_until(happened: "object", what: str, seconds: float, step_s: float = 0.02) -> None:
    """Poll `happened()` until it is true. Raises `DemoError` after `seconds`."""
    assert callable(happened)
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise DemoError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(step_s)


def is_root() -> bool:
    return os.geteuid() == 0
