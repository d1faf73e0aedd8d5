"""Stems checked before they are placed, on CPython: hashing a blob of some megabytes from a card takes longer than an
output's buffer lasts, and reading it so brings it into memory."""

import threading
from typing import Any

from amos.edges.stem_file import BlobError


class StemsAhead:
    """Asks `pack` (packs/folder.py) for every stem once, from a thread, until `stop`. The pack remembers what it
    finds, good or bad; a stem that is placed before its turn is checked there and then, maybe twice."""

    def __init__(self, pack: Any) -> None:
        self._pack = pack
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="stems", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave the pack alone: returns once the stem in hand is done."""
        self._stopping = True
        self._thread.join()

    def _run(self) -> None:
        for index in range(len(self._pack.manifest.stems)):
            if self._stopping:
                return
            try:
                self._pack.stem(index)
            except BlobError:
                pass  # it stays silent, and is told when it is placed
