"""paho's client for a busy line: it reads from the broker in large pieces, and spells out no log that nobody reads."""

import logging
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho

_READ_AT_ONCE = 64 << 10


class ReadingClient(paho.Client):
    """As paho's. `alerted` is told each error of its log: only there stands why TLS ended a connection.

    paho asks the socket for the few bytes of each part of a packet. Where its method has another name some day, it does
    so again, and nothing else changes.
    """

    def __init__(self, *about: Any, alerted: Callable[[str], None], **more: Any) -> None:
        super().__init__(*about, **more)
        self._read, self._taken = b"", 0

        def told(record: logging.LogRecord) -> bool:
            alerted(record.getMessage())
            return False  # and nobody else is

        log = logging.Logger("paho", logging.ERROR)
        log.addFilter(told)
        self.enable_logger(log)

    @property
    def holds_unread(self) -> bool:
        """Whether bytes wait that are no event of the socket any more."""
        return self._taken < len(self._read)

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self.holds_unread:
            self._read, self._taken = super()._sock_recv(max(bufsize, _READ_AT_ONCE)), 0
        piece = self._read[self._taken : self._taken + bufsize]
        self._taken += len(piece)
        return piece
