"""Telling systemd that a loop turns: the sd_notify protocol (man 3 sd_notify), on CPython. Player and courier use it.

Contract: a lost message is no error. When messages stop, the supervisor restarts the program, as it should.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping

FEEDS_PER_TIMEOUT = 4
"""So that one late turn, or one lost datagram, is not yet a restart."""

STATUS_BYTES_MAX = 500
"""A line for people; the supervisor keeps it in memory."""


class Heartbeat:
    """Call it once for every turn of a loop, from that loop and nowhere else.

    The first call says READY=1; later ones say WATCHDOG=1, at most four times in the watchdog's time. With either goes
    `summary()`, a line for people, when it changed. It has no thread
    or timer of its own: a loop that hangs is a loop that no longer calls.
    """

    def __init__(self, address: str, watchdog_us: int):
        # "@name" is Linux's abstract namespace, in which the name begins with a zero byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._pause_ns = watchdog_us * 1000 // FEEDS_PER_TIMEOUT
        self._watched = watchdog_us > 0
        self._said_ns: int | None = None
        self._status = ""

    def __call__(self, summary: "Callable[[], str] | None" = None) -> None:
        now_ns = time.monotonic_ns()
        if self._said_ns is None:
            self._send(b"READY=1")
        elif not self._watched or now_ns - self._said_ns < self._pause_ns:
            return
        else:
            self._send(b"WATCHDOG=1")
        self._said_ns = now_ns
        if summary is not None:
            self._tell(summary())

    def _tell(self, sentence: str) -> None:
        if sentence != self._status:
            self._status = sentence
            self._send(b"STATUS=" + " ".join(sentence.split()).encode()[:STATUS_BYTES_MAX])

    def stopping(self) -> None:
        """The program ends by its own will."""
        self._send(b"STOPPING=1")

    def _send(self, message: bytes) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.setblocking(False)
                line.sendto(message, self._address)
        except OSError:
            pass  # nobody listens, or its queue is full: the next turn speaks again


def heartbeat(environment: Mapping[str, str] = os.environ) -> Heartbeat | None:
    """The heartbeat that the environment asks for, or None where no supervisor waits for one.

    NOTIFY_SOCKET is the supervisor's address; WATCHDOG_USEC the watchdog's time, for the process WATCHDOG_PID.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return Heartbeat(address, int(microseconds) if meant and microseconds.isdecimal() else 0)
