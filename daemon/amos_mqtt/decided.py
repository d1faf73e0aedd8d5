"""Which messages are done with, so that one that the broker delivers again needs only its acknowledgement."""

import hashlib
import threading
from collections import OrderedDict

from amos_mqtt.limits import DECIDED_MAX


class Decided:
    """Hashes of the last so many messages; written by whoever decides, read on the line's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hashes: OrderedDict[bytes, None] = OrderedDict()

    def add(self, mark: bytes) -> None:
        """The message with this fingerprint is durably decided."""
        with self._lock:
            self._hashes[mark] = None
            self._hashes.move_to_end(mark)
            while len(self._hashes) > DECIDED_MAX:
                self._hashes.popitem(last=False)

    def holds(self, mark: bytes) -> bool:
        """Whether this very message was."""
        with self._lock:
            return mark in self._hashes


def fingerprint(topic: str, payload: bytes) -> bytes:
    """What tells messages apart."""
    return hashlib.sha256(topic.encode("utf-8", "surrogatepass") + b"\0" + payload).digest()
