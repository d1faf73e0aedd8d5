"""The segments of the devices that are audited, on disk until the whole log is read.

A segment that was found again after a loss stands in the log after its successors, so nothing can be replayed before.
In memory there are some hundred bytes a segment.
"""

import tempfile
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from amos_tools.audit.readings import Reading, Seen
from amos_tools.replay.piece import Piece
from amos_tools.replay.rows import start_state


class Kept(NamedTuple):
    """Where a segment lies in the file, and what says whether it is needed. `wanted`: it is of the days asked for."""

    sequence: int
    key: tuple[int, int]
    first_frame: int
    pack: bytes
    score: bytes
    start_state: bytes
    wanted: bool
    offset: int
    size: int


class Spool:
    """`put` while the log is read; then `needed` of each device."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` does
        self._end = 0
        self._kept: dict[bytes, list[Kept]] = {}

    def close(self) -> None:
        """Forget all."""
        self._file.close()

    def put(self, reading: Reading, wanted: bool) -> None:
        """The next segment of the log."""
        seen: Seen = reading.seen
        size = self._file.write(reading.entry)
        facts = (seen.sequence, (seen.boot, seen.session), seen.first_frame, seen.pack, seen.score)
        self._kept.setdefault(seen.device_id, []).append(Kept(*facts, seen.start_state, wanted, self._end, size))
        self._end += size

    def devices(self) -> list[bytes]:
        """Those of which something is wanted."""
        return sorted(device_id for device_id, kept in self._kept.items() if any(item.wanted for item in kept))

    def needed(self, device_id: bytes, pieces: Mapping[bytes, Piece]) -> list[Kept]:
        """The sessions that are wanted, up to the last segment wanted, and those before them that say what a score
        remembered."""
        ordered = sorted(self._kept[device_id])
        last = max(place for place, item in enumerate(ordered) if item.wanted)
        sessions = [list(group) for _key, group in groupby(ordered[: last + 1], key=lambda item: item.key)]
        found: list[list[Kept]] = []
        begun: Kept | None = None
        for session in reversed(sessions):
            if any(item.wanted for item in session) or (begun is not None and _remembers(begun, session[-1], pieces)):
                found.append(session)
                begun = session[0]
            else:
                begun = None
        return [item for session in reversed(found) for item in session]

    def read(self, kept: list[Kept]) -> Iterator[bytes]:
        """The bytes of these segments."""
        for item in kept:
            self._file.seek(item.offset)
            yield self._file.read(item.size)


def _remembers(first: Kept, before: Kept, pieces: Mapping[bytes, Piece]) -> bool:
    """Whether the session that begins with this segment may have begun with something of the session before. One whose
    beginning is missing, or whose pack is not given, cannot be replayed whatever came before."""
    piece = pieces.get(first.pack)
    if piece is None or first.first_frame or first.score != before.score:
        return False
    return piece.decoded.keep_history is not False or first.start_state != start_state(piece, None)
