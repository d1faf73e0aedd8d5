"""Usage segments from where they lie, by session, each session replayed and compared with what was signed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from amos.journal.segments import HEAD_BYTES
from amos.protocol.cose import HEADER_TYP, TYP_USAGE, parse, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX, CLOSING_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_tools.journal.ring_file import RingFile
from amos_tools.replay.chain import Chain, Judged, sessions_of
from amos_tools.replay.piece import Piece
from amos_tools.verify.published import Published
from amos_tools.verify.tree import read_entries

SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"


@dataclass(frozen=True)
class Outcome:
    """What the replay of a session found. `detail` says where it differs, or what it would need."""

    device_id: bytes
    session: int
    segments: int
    rows: int
    result: str
    detail: str


def read_usages(source: Path) -> list[Usage]:
    """Of a journal's ring what waits there, or of a ledger's public folder all that it holds. Raises `RingError`,
    `JournalError`, `VerifyError`, `ProtocolError`, OSError. Signatures are for `amos verify` to check."""
    return [_decoded(segment) for segment in (_published(source) if source.is_dir() else _waiting(source))]


def _decoded(segment: bytes) -> Usage:
    usage: Usage = Usage.decode(parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    return usage


def _waiting(path: Path) -> Iterator[bytes]:
    file = RingFile(path)
    try:
        for stored in file.found.segments.values():
            yield file.ring.segments.read(stored.position, HEAD_BYTES, stored.size)
    finally:
        file.close()


def _published(folder: Path) -> Iterator[bytes]:
    published = Published(folder)
    size = int(published.read("checkpoint", CHECKPOINT_BYTES_MAX).split(b"\n")[1])
    for entry in read_entries(published, size):
        try:
            if parse(entry, CLOSING_BYTES_MAX).header.get(HEADER_TYP) == TYP_USAGE:
                yield entry
        except ProtocolError:
            continue  # text: the log's first entry, and batches


def replay_all(usages: Iterable[Usage], packs: Mapping[bytes, Piece]) -> Iterator[Outcome]:
    """Each device's sessions in their order: a session may begin with what the score remembers of those before."""
    ordered = sorted(usages, key=lambda usage: usage.device_id)
    for _device_id, own in groupby(ordered, key=lambda usage: usage.device_id):
        chain = Chain(packs)
        for session in sessions_of(list(own)):
            yield _outcome(chain.judge(session))


def _outcome(judged: Judged) -> Outcome:
    result = DIFFERENT if judged.finding else UNKNOWN if judged.unknown else SAME
    detail = judged.needs
    if judged.finding is not None:
        unlike = judged.finding.unlike
        told = f"expected {unlike.expected}, as the score decides, found {unlike.found}"
        detail = f"segment {judged.finding.sequence}: {told}; {unlike.meaning}"
    return Outcome(judged.device_id, judged.session, judged.segments, judged.rows, result, detail)
