"""Pauses of so many minutes: when each player goes on again, kept in a file so that a courier that dies lets none rest
for ever."""

import json
from contextlib import suppress
from pathlib import Path

from amos.edges.durable_host import write_whole

MINUTES_MAX = 240
FILE_BYTES_MAX = 1 << 16


class Pauses:
    """By device id in hex; times are Unix seconds. A file that cannot be read or written is done without."""

    def __init__(self, path: Path):
        self._path = path
        self.until_s: dict[str, int] = {}
        try:
            with path.open("rb") as file:
                kept = json.loads(file.read(FILE_BYTES_MAX))
            self.until_s = {str(device): int(until_s) for device, until_s in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            pass

    def begin(self, device_id: str, until_s: int) -> None:
        """It goes on then."""
        self.until_s[device_id] = until_s
        self._keep()

    def over(self, device_id: str) -> None:
        """It goes on, or somebody has told it otherwise."""
        if self.until_s.pop(device_id, None) is not None:
            self._keep()

    def _keep(self) -> None:
        with suppress(OSError):
            write_whole(self._path, json.dumps(self.until_s).encode(), 0o600)
