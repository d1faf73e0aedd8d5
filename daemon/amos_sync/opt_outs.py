"""Opt-out lists on their way to players: one from a file, and from the broker and a stick the publisher's and the
delegated key's. The courier cannot tell which is true.

It offers each player each list once a connection, and players decide: a forged one is refused, and the true one comes
all the same, whichever came first or says to be newer.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos_sync.limits import OFFER_AGAIN_MS

FILE_LOOK_MS = 1000
"""Between two looks at the file."""


class OptOutLists:
    """`path`: a file that an operator may replace at any time, or None. `clock_ms` monotonic."""

    def __init__(self, path: Path | None, clock_ms: Callable[[], int]) -> None:
        self._path = path
        self._clock_ms = clock_ms
        self._looked_ms = -FILE_LOOK_MS
        self._from_file: bytes | None = None
        self._from_broker: dict[str, bytes] = {}
        self._from_stick: dict[str, bytes] = {}

    def came(self, topic: str, payload: bytes) -> None:
        """The broker retains this one."""
        _put(self._from_broker, topic, payload)

    def brought(self, topic: str, payload: bytes) -> None:
        """A stick brought this one."""
        _put(self._from_stick, topic, payload)

    def lists(self) -> list[bytes]:
        """What there is to offer at the moment."""
        if self._path is not None and self._clock_ms() - self._looked_ms >= FILE_LOOK_MS:
            self._looked_ms = self._clock_ms()
            self._from_file = _read(self._path)
        others = [*self._from_broker.values(), *self._from_stick.values()]
        return others if self._from_file is None else [self._from_file, *others]


def _put(lists: dict[str, bytes], topic: str, payload: bytes) -> None:
    lists.pop(topic, None)
    if 1 <= len(payload) <= OPT_OUTS_BYTES_MAX:
        lists[topic] = payload


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(OPT_OUTS_BYTES_MAX + 1)
    except OSError:
        return None  # not there yet, or being replaced: looked for again
    return data if 1 <= len(data) <= OPT_OUTS_BYTES_MAX else None


class Offered:
    """What one connection's player was offered, and whether it took it."""

    def __init__(self) -> None:
        self._taken: set[bytes] = set()
        self._refused: dict[bytes, int] = {}

    def next(self, lists: list[bytes], now_ms: int) -> bytes | None:
        """The list to offer now: one not offered yet, or refused long ago (its storage may have failed)."""
        for data in lists:
            name = hashlib.sha256(data).digest()
            if name not in self._taken and now_ms >= self._refused.get(name, now_ms):
                return data
        return None

    def done(self, data: bytes, refusal: str | None, now_ms: int) -> None:
        """The player took it, or said why not."""
        name = hashlib.sha256(data).digest()
        if refusal is None:
            self._taken = {name, *self._taken} if len(self._taken) < 64 else {name}
        else:
            self._refused = {name: now_ms + OFFER_AGAIN_MS} | (self._refused if len(self._refused) < 64 else {})
