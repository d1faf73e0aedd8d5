"""Usage segments from where they lie, by session, each session replayed and compared with what was signed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from amos.journal.segments import HEAD_BYTES
from amos.packs.folder import PackFolder
from amos.protocol.cose import HEADER_TYP, TYP_USAGE, parse, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX, CLOSING_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import FLAG_ABORTED, FLAG_POWER_LOSS, SEAL_POWER_LOSS, Usage
from amos_tools.journal.ring_file import RingFile
from amos_tools.replay.rows import Replay, Row
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


def replay_all(usages: Iterable[Usage], packs: Mapping[bytes, PackFolder]) -> Iterator[Outcome]:
    """Each device's sessions in their order: a session may begin with what the score remembers of those before."""
    by_session: dict[tuple[bytes, int], list[Usage]] = {}
    for usage in usages:
        by_session.setdefault((usage.device_id, usage.session), []).append(usage)
    last, memories = b"", list[bytes]()
    for device_id, number in sorted(by_session):
        session = sorted(by_session[device_id, number], key=lambda usage: usage.sequence)
        memories = memories if device_id == last else []
        outcome, left = _replay(session, packs, [None, *memories])
        # A session that could not be replayed may have left what was there before, where it broke off early.
        last, memories = device_id, left or memories
        yield outcome


def _replay(
    session: list[Usage], packs: Mapping[bytes, PackFolder], memories: Iterable[bytes | None]
) -> tuple[Outcome, list[bytes]]:
    first = session[0]
    about = (first.device_id, first.session, len(session), sum(len(usage.stems) for usage in session))
    pack = packs.get(first.pack)
    if pack is None:
        return Outcome(*about, UNKNOWN, f"needs pack {first.pack.hex()}; name it with --pack"), []
    if first.first_frame or any(a.end_frame != b.first_frame for a, b in pairwise(session)):
        return Outcome(*about, UNKNOWN, "needs all its segments; some are not here"), []
    for memory in memories:
        replayed = _begun(pack, session, memory)
        if replayed is None or not replayed.begins_alike:
            continue
        for usage, rows in replayed.segments():
            detail = _difference(usage, rows)
            if detail:
                return Outcome(*about, DIFFERENT, f"segment {usage.sequence}: {detail}"), []
        return Outcome(*about, SAME, ""), replayed.memories
    return Outcome(*about, UNKNOWN, "needs the sessions before it: what the score remembered of them is not known"), []


def _begun(pack: PackFolder, session: list[Usage], memory: bytes | None) -> Replay | None:
    try:
        return Replay(pack, session, memory)
    except ProtocolError:
        return None  # remembered with another score


def _difference(usage: Usage, rows: list[Row]) -> str | None:
    """The first row that was signed otherwise, or None. What a cut of power ended, nobody can know from the log."""
    signed = sorted(usage.rows())
    cut = FLAG_ABORTED | FLAG_POWER_LOSS if usage.reason == SEAL_POWER_LOSS else 0
    for index in range(max(len(signed), len(rows))):
        was = signed[index] if index < len(signed) else None
        found = rows[index] if index < len(rows) else None
        if was is None or found is None or (*was[:3], was[3] & ~cut) != (*found[:3], found[3] & ~cut):
            return f"expected {_said(found)}, as the score decides, found {_said(was)}"
    return None


def _said(row: Row | None) -> str:
    if row is None:
        return "no row"
    stem, start, frames, flags = row
    return f"stem {stem} from frame {start} for {frames} frames (flags {flags})"
