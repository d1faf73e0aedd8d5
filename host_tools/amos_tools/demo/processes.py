"""The demo's processes: started with a log file each, restarted when they should not have ended, stopped in the end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

STOP_S = 10
RESTARTS_MAX = 10


class DemoError(Exception):
    """The demo cannot go on; the message says what to do."""


def amos_command(*words: str) -> list[str]:
    """argv of the command `amos` in this very installation."""
    return [sys.executable, "-m", "amos_tools", *words]


def run_amos(*words: str) -> str:
    """Run a command of `amos` to its end; its output. Raises `DemoError` with what it said."""
    result = subprocess.run(amos_command(*words), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise DemoError((result.stderr or result.stdout).strip() or f"amos {words[0]} failed")
    return result.stdout


class Process:
    """One child: its argv, its log file, its pid in `logs/<name>.pid` while it runs."""

    def __init__(self, name: str, command: list[str], logs: Path):
        self.name = name
        self.log = logs / f"{name}.log"
        self.restarts = 0
        self._command = command
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

    def keep_running(self) -> bool:
        """Start it again if it has ended; whether that was needed. Raises `DemoError` when it will not stay."""
        if self.ended() is None:
            return False
        self.restarts += 1
        if self.restarts > RESTARTS_MAX:
            raise DemoError(f"{self.name} ended {self.restarts} times; see {self.log}")
        self._popen = self._start()
        return True

    def stop(self) -> None:
        """Ask it to end, then insist."""
        if self.ended() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        self._pid_file.unlink(missing_ok=True)

    def last_lines(self, count: int = 3) -> str:
        """The end of its log, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


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
        for process in reversed(self._started):
            process.stop()

    def start(self, name: str, command: list[str]) -> Process:
        process = Process(name, command, self._logs)
        self._started.append(process)
        return process


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
