"""Which players there are to talk to: those named one by one, and those that patterns find, looked for again and again.

    unix:/run/amos/*/link.sock          every socket of a folder
    serial:/dev/serial/by-id/*amos*     every line that udev names so
    usb:2e8a:0005                       every USB device of that vendor and product; of two channels, the second

What a pattern finds is a player like one that was named; when it no longer finds it, it is let go of.
"""

import glob
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from serial.tools.list_ports import comports

from amos_sync.addresses import USB, baud_of, is_pattern
from amos_sync.limits import FOUND_PLAYERS_MAX, ROSTER_LOOK_MS


class Roster:
    """`present` are the addresses at the last `look`; `lines()` tells of the serial lines that there are."""

    def __init__(self, addresses: Sequence[str], lines: Callable[[], Iterable[Any]] = comports) -> None:
        self._named = [address for address in addresses if not is_pattern(address)]
        self._patterns = [address for address in addresses if is_pattern(address)]
        self._lines = lines
        self._looked_ms: int | None = None
        self.present: list[str] = list(self._named)

    def look(self, now_ms: int) -> bool:
        """Look, when it is time; whether others are present than before."""
        if not self._patterns or (self._looked_ms is not None and now_ms - self._looked_ms < ROSTER_LOOK_MS):
            return False
        self._looked_ms = now_ms
        before = self.present
        self.present = list(self._named)
        # A line may have several names; whoever holds it already would be refused it.
        places = {_place(address) for address in self._named}
        for pattern in self._patterns:
            for address in self._found(pattern):
                if _place(address) not in places and len(self.present) < len(self._named) + FOUND_PLAYERS_MAX:
                    places.add(_place(address))
                    self.present.append(address)
        return self.present != before

    def next_due_ms(self, now_ms: int) -> int | None:
        """When to look again."""
        if not self._patterns:
            return None
        return now_ms if self._looked_ms is None else self._looked_ms + ROSTER_LOOK_MS

    def empty(self) -> list[str]:
        """Patterns that find nobody at the moment."""
        return [pattern for pattern in self._patterns if not self._found(pattern)]

    def _found(self, pattern: str) -> list[str]:
        kind, _colon, rest = pattern.partition(":")
        if kind == USB:
            return self._on_usb(rest)
        path, baud = baud_of(rest) if kind == "serial" else (rest, None)
        behind = "" if baud is None else f",{baud}"
        return [f"{kind}:{found}{behind}" for found in sorted(glob.glob(path))]

    def _on_usb(self, rest: str) -> list[str]:
        name, baud = baud_of(rest)
        vendor, product = (int(number, 16) for number in name.split(":"))
        boards: dict[tuple[str, str], list[str]] = {}
        for line in self._lines():
            if (line.vid, line.pid) == (vendor, product):
                board = (line.serial_number or "", re.sub(r":\d+\.\d+$", "", line.location or line.device))
                boards.setdefault(board, []).append(line.device)
        behind = "" if baud is None else f",{baud}"
        return [f"serial:{max(devices)}{behind}" for _board, devices in sorted(boards.items())]


def _place(address: str) -> str:
    kind, _colon, rest = address.partition(":")
    return os.path.realpath(baud_of(rest)[0]) if kind in ("serial", "unix") else address
