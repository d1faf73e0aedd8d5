"""The ledger's tree head as this courier knows it: the highest that was ever shown, verified and durable.

A ledger that shows a lower one than before has lost what it signed since: it was put back from a copy, and nobody may
have told it. So the courier shows it what it keeps: the higher head, or a segment with the receipt that it got for it,
whichever the shown head lacks. Only a courier that knows the ledger's key can tell.
"""

from dataclasses import dataclass

from amos.protocol import topics
from amos.protocol.cbor import dumps
from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.errors import ProtocolError
from amos_mqtt.back_off import back_off_ms
from amos_sync.ledger_line import LedgerLine
from amos_sync.limits import HEAD_AGAIN_MS
from amos_sync.spool import Spool


@dataclass(frozen=True)
class Objection:
    """What to publish where, so that the ledger learns what it lacks."""

    topic: str
    payload: bytes


@dataclass(frozen=True)
class _Kept:
    """The head in the spool, and the place of its key on the ledger's line."""

    note: bytes
    head: Checkpoint
    by: int


class TreeHeads:
    """The head that `spool` keeps. Where no key of the ledger's is known nothing is kept and nothing objected to."""

    def __init__(self, spool: Spool, site: str, line: LedgerLine) -> None:
        self._spool = spool
        self._site = site
        self._line = line
        self._objections = 0
        self._again_ms = 0

    def came(self, note: bytes, now_ms: int, jitter_permille: int) -> Objection | None:
        """The broker retains this note: stage a higher head; object to a lower one, again and again, with growing
        pauses. Raises `ProtocolError` for a note that the ledger did not sign."""
        opened = self._line.open_head(note)
        if opened is None:
            return None
        shown, by = opened
        kept = self._kept()
        if kept is not None and kept.head.origin != shown.origin:
            raise ProtocolError(f"checkpoint.origin: expected {kept.head.origin}, found {shown.origin}")
        # All heads of a key are over more entries than those of the keys before it. What an older one signs once
        # another is in force may be a thief's.
        if by == len(self._line.keys()) - 1 and (kept is None or (by, shown.size) > (kept.by, kept.head.size)):
            self._spool.stage_head(note)
            self._objections = self._again_ms = 0
        return self._objection(shown, by, kept, now_ms, jitter_permille)

    def _kept(self) -> "_Kept | None":
        """The head in the spool, None where there is none of the pinned key's line: another may have been pinned."""
        note = self._spool.head()
        if note is None:
            return None
        try:
            opened = self._line.open_head(note)
        except ProtocolError:
            return None
        return None if opened is None else _Kept(note, *opened)

    def _objection(
        self, shown: Checkpoint, by: int, kept: "_Kept | None", now_ms: int, jitter_permille: int
    ) -> Objection | None:
        if now_ms < self._again_ms:
            return None
        objection = None
        if kept is not None and shown != kept.head and (by, shown.size) <= (kept.by, kept.head.size):
            objection = Objection(topics.courier_checkpoint_topic(self._site), kept.note)
        if objection is None:
            objection = self._receipted_after(shown.size)
        if objection is not None:
            self._objections += 1
            self._again_ms = now_ms + back_off_ms(HEAD_AGAIN_MS, self._objections, jitter_permille)
        return objection

    def _receipted_after(self, size: int) -> Objection | None:
        """A segment that was receipted under a leaf index which the shown tree does not have."""
        found = self._spool.receipted_from(size, self._objections)
        if found is None:
            return None
        topic = topics.device_topic(self._site, found.device_id, topics.RECEIPTED)
        return Objection(topic, dumps([found.receipt, found.payload]))
