"""A bound on how long a web server may go on without getting anywhere, whatever it sends meanwhile.

urllib3's timeouts are those of one read: headers, chunk heads or a handshake that come a byte at a time never meet one.
So a thread looks at the clock, and hangs up for whoever waits.
"""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Deadline:
    """A context. `extend` when something came about; `passed` says that `wait_s` went by without."""

    def __init__(self, wait_s: float) -> None:
        self.passed = False
        self._wait_s = wait_s
        self._end_s = time.monotonic() + wait_s
        self._over = threading.Event()
        self._lines: list[socket.socket] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Deadline":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        for line in self._lines:
            line.close()

    def extend(self) -> None:
        """From here on it lasts as long again."""
        self._end_s = time.monotonic() + self._wait_s

    def watch_over(self, pool: urllib3.PoolManager) -> None:
        """Every connection that the pool makes."""
        take = self._take

        class Line(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return take(super()._new_conn())

        class TlsLine(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return take(super()._new_conn())

        class Lines(HTTPConnectionPool):
            ConnectionCls = Line

        class TlsLines(HTTPSConnectionPool):
            ConnectionCls = TlsLine

        pool.pool_classes_by_scheme = {"http": Lines, "https": TlsLines}

    def _take(self, line: socket.socket) -> socket.socket:
        self._lines.append(line.dup())  # TLS takes the line itself away
        return line

    def _watch(self) -> None:
        while (left_s := self._end_s - time.monotonic()) > 0:
            if self._over.wait(left_s):
                return
        self.passed = True
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
