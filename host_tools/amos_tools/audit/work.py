"""One device replayed: pure but for the stems of `--pcm`, which are read from the pack's folder where the work is
done."""

from collections.abc import Mapping
from dataclasses import dataclass

from amos.packs.folder import PackFolder
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_tools.replay.chain import Chain, Judged, sessions_of
from amos_tools.replay.piece import Piece
from amos_tools.replay.sound import Sound


@dataclass(frozen=True, slots=True)
class Task:
    """A device's segments, verified before, and the packs that they name as far as they are given. `wanted`: sequence
    numbers of the segments asked for; the others say how a session came to be where it is."""

    device_id: bytes
    entries: tuple[bytes, ...]
    pieces: Mapping[bytes, Piece]
    pcm: bool
    wanted: frozenset[int]


def audit_device(task: Task) -> list[Judged]:
    """What came of each session, in order."""
    usages: list[Usage] = [
        Usage.decode(parse_typed(entry, TYP_USAGE, SEGMENT_BYTES_MAX).payload) for entry in task.entries
    ]
    chain = Chain(task.pieces, Sounds().of if task.pcm else None)
    return [chain.judge(session) for session in sessions_of(usages)]


class Sounds:
    """Opens each pack once: a stem is hashed when it is first asked for."""

    def __init__(self) -> None:
        self._packs: dict[bytes, PackFolder] = {}

    def of(self, piece: Piece) -> Sound:
        """Raises `ProtocolError`, OSError."""
        if piece.pack_id not in self._packs:
            self._packs[piece.pack_id] = piece.opened()
        return Sound(self._packs[piece.pack_id], piece.decoded.peak_mdb)
