"""A Dask scheduler and workers, as processes of their own on free ports."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

START_S = 60
HERE = Path(__file__).parent


def slow_sum(numbers: range) -> int:
    """Work that takes so long that a worker that is killed was at some."""
    time.sleep(0.02)
    return sum(numbers)


def failing(numbers: range) -> int:
    """Work with a fault."""
    raise ArithmeticError(f"no sum of {numbers}")


def deadly(numbers: range) -> int:
    """Work that ends whoever does it."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def kill(*processes: "subprocess.Popen[bytes]") -> None:
    """End them at once, as the power going off does."""
    for process in processes:
        process.kill()
        process.wait()


class DaskProcesses:
    """A scheduler with some workers of one thread each, which write below `folder` and look for modules in `modules`
    first."""

    def __init__(self, folder: Path, workers: int, modules: Path = HERE) -> None:
        self._folder, self._wanted, self._modules = folder, workers, modules
        self._file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "DaskProcesses":
        try:
            port = ("--port", "0", "--host", "127.0.0.1", "--scheduler-file", str(self._file))
            self.scheduler = self._start("scheduler", *port)
            self.address = self._address()
            local = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--local-directory", str(self._folder))
            self.workers = [self._start("worker", self.address, *local) for _ in range(self._wanted)]
            self._await_workers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        kill(*self._processes)

    def _start(self, role: str, *words: str) -> "subprocess.Popen[bytes]":
        line = [sys.executable, "-m", f"distributed.cli.dask_{role}", *words, "--no-dashboard"]
        environment = os.environ | {"PYTHONPATH": str(self._modules)}
        with (self._folder / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(line, cwd=self._folder, stdout=log, stderr=log, env=environment)
        self._processes.append(process)
        return process

    def _await_workers(self) -> None:
        log = self._folder / "worker.log"
        deadline_s = time.monotonic() + START_S
        while self._wanted and log.read_text().count("Registered to:") < self._wanted:
            assert time.monotonic() < deadline_s, log.read_text()
            time.sleep(0.05)

    def _address(self) -> str:
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            if self._file.exists() and (text := self._file.read_text()):
                return str(json.loads(text)["address"])
            time.sleep(0.05)
        raise AssertionError((self._folder / "scheduler.log").read_text())


class Losing:
    """The runner, until that many batches are done: then these processes are killed, and it goes on."""

    def __init__(self, runner: Any, after: int, *processes: "subprocess.Popen[bytes]") -> None:
        self._runner, self._left, self._processes = runner, after, processes

    def pairs(self, work: Any, batches: Any) -> Any:
        """As the runner's."""
        for pair in self._runner.pairs(work, batches):
            self._left -= 1
            if self._left == 0:
                kill(*self._processes)
            yield pair

    @property
    def lost(self) -> bool:
        """Whether they were killed."""
        return self._left <= 0
