"""The worker with a thread (contract in `worker`), on CPython."""

import threading
from collections.abc import Callable


class ThreadWorker:
    """One thread, which lives as long as the process. A sync releases the interpreter; what is rendered goes on."""

    flush_after_ms = 500
    wait_after_ms = 850
    """Together with the frames in the output's buffer, this is less than a second of play. A sync may take 350 ms."""

    def __init__(self) -> None:
        self._act: Callable[[], object] | None = None
        self._given = threading.Semaphore(0)
        self._done = threading.Event()
        self._done.set()
        self._error: Exception | None = None
        threading.Thread(target=self._run, name="storage", daemon=True).start()

    @property
    def busy(self) -> bool:
        return not self._done.is_set()

    def submit(self, act: Callable[[], object]) -> None:
        self.settle()
        self._done.clear()
        self._act = act
        self._given.release()

    def settle(self) -> None:
        self._done.wait()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self) -> None:
        while True:
            self._given.acquire()
            act, self._act = self._act, None
            assert act is not None
            try:
                act()
            except Exception as error:  # of any kind: `settle` raises it where the caller waits
                self._error = error
            self._done.set()
