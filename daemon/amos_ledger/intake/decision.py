"""The one decision about a usage message (daemon/DESIGN.md section 11): facts in, verdict out. Pure.

`TABLE` is read from the top; the first row whose question has an answer decides. A question answers with a sentence
for the answer's `detail` (it may be empty), or None when it does not apply. Numbers and general sentences of the
verdicts are `amos.protocol.answer`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass

from amos.protocol.answer import (
    ACCEPTED,
    BAD_SIGNATURE,
    DUPLICATE,
    FORK,
    GAP,
    MALFORMED,
    OVER_CAP,
    QUARANTINED,
    RETIRED,
    UNAVAILABLE,
    UNKNOWN_DEVICE,
    UNKNOWN_PACK,
)
from amos.protocol.manifest import Manifest
from amos.protocol.segment import FIRST_PREVIOUS, Usage
from amos_ledger.intake.physical import disorder, excess, first_missing
from amos_ledger.limits import HELD_SEGMENTS_MAX
from amos_ledger.records import Sealed, severed
from amos_ledger.settlement.periods import plausible, played_unix_s

CONDEMNING = (FORK, OVER_CAP)
"""Quarantine the device; the segment is kept as evidence."""

EVIDENCE = (FORK, OVER_CAP, QUARANTINED, RETIRED)
"""Kept, never deleted, never counted."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a message and of its device at the moment of decision. Later fields rest on earlier ones.

    unreadable   why it is no signed usage segment on its device's topic
    enrolled     the signer is
    signed       with the enrolled key
    undecodable  why the signed payload is no usage
    sha256       of the segment's bytes
    quarantine   why the device is in quarantine
    retired_s    when another device took its place, in Unix seconds
    received_s   when the message arrived
    stored       hash of the accepted segment with this sequence number
    held         hash of the held segment with this sequence number
    held_count   held segments of the device
    before       accepted segment with the next lower sequence number
    after        accepted segment with the next higher one: then this one was declared lost, and is found again
    lost         ranges (first, last) of sequence numbers that other segments of the device declared lost
    voices       of the enrolled board
    manifest     of the segment's pack
    """

    unreadable: str | None = None
    enrolled: bool = False
    signed: bool = False
    undecodable: str | None = None
    usage: Usage | None = None
    sha256: bytes = b""
    quarantine: str | None = None
    retired_s: int | None = None
    received_s: int = 0
    stored: bytes | None = None
    held: bytes | None = None
    held_count: int = 0
    before: Sealed | None = None
    after: Sealed | None = None
    lost: tuple[tuple[int, int], ...] = ()
    voices: int = 0
    manifest: Manifest | None = None

    @property
    def segment(self) -> Usage:
        """The usage, in rows below the one that refuses a message without."""
        assert self.usage is not None
        return self.usage

    @property
    def next_to(self) -> tuple[Sealed | None, Sealed | None]:
        """The accepted segments directly before and after, with no loss between."""
        before, after, sequence = self.before, self.after, self.segment.sequence
        follows = before is not None and before.sequence == sequence - 1 and not severed(self.segment)
        leads = after is not None and after.sequence == sequence + 1 and after.previous is not None
        return before if follows else None, after if leads else None

    @property
    def missing(self) -> int | None:
        """The sequence number for which the segment has to wait, or None.

        With an accepted one after it, it does not: what was missing when that was accepted had been declared lost.
        """
        if self.after is not None:
            return None
        usage = self.segment
        own = () if usage.lost_first is None or usage.lost_last is None else ((usage.lost_first, usage.lost_last),)
        return first_missing(self.before.sequence if self.before else 0, usage.sequence, (*self.lost, *own))


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict of `amos.protocol.answer`, and what to add to its sentence (may be empty)."""

    verdict: int
    detail: str


def _unreadable(facts: Facts) -> str | None:
    return facts.unreadable


def _unknown(facts: Facts) -> str | None:
    return None if facts.enrolled else ""


def _unsigned(facts: Facts) -> str | None:
    return None if facts.signed else ""


def _undecodable(facts: Facts) -> str | None:
    return facts.undecodable


def _stored_before(facts: Facts) -> str | None:
    return "" if facts.stored == facts.sha256 else None


def _other_bytes(facts: Facts) -> str | None:
    for kept, place in ((facts.stored, "accepted"), (facts.held, "held")):
        if kept is not None and kept != facts.sha256:
            return f"sequence {facts.segment.sequence}: {place} is {kept.hex()[:16]}, found {facts.sha256.hex()[:16]}"
    return None


def _in_quarantine(facts: Facts) -> str | None:
    return facts.quarantine


def _begun_after_retirement(facts: Facts) -> str | None:
    """By the player's own clock. Play that nobody can date counts: a false clock could as well date it back."""
    began_s = played_unix_s(facts.segment)
    if facts.retired_s is None or began_s is None or began_s <= facts.retired_s:
        return None
    if not plausible(began_s, facts.received_s):
        return None
    return f"began at {began_s} Unix seconds, after another device took its place at {facts.retired_s}"


def _wrong_start(facts: Facts) -> str | None:
    if facts.segment.sequence == 1 and facts.segment.previous != FIRST_PREVIOUS:
        return "usage.previous: expected zeros in a device's first segment"
    return None


def _chain_broken(facts: Facts) -> str | None:
    """The segment names another predecessor than the accepted one, or its accepted successor names another than it."""
    (before, after), usage = facts.next_to, facts.segment
    if before and usage.previous != before.sha256:
        return f"previous: expected {before.sha256.hex()[:16]} of {before.sequence}, found {usage.previous.hex()[:16]}"
    if after and after.previous != facts.sha256:
        return f"sequence {after.sequence}: accepted, and follows another segment than {facts.sha256.hex()[:16]}"
    return None


def _predecessor_missing(facts: Facts) -> str | None:
    return None if facts.missing is None else f"waits for sequence {facts.missing}"


def _pack_missing(facts: Facts) -> str | None:
    return f"pack {facts.segment.pack.hex()}" if facts.manifest is None else None


def _no_room_to_hold(facts: Facts) -> str | None:
    waits = _predecessor_missing(facts) or _pack_missing(facts)
    if waits and facts.held is None and facts.held_count >= HELD_SEGMENTS_MAX:
        return f"{HELD_SEGMENTS_MAX} segments of this device are held already; {waits}"
    return None


def _out_of_order(facts: Facts) -> str | None:
    return disorder(facts.segment, *facts.next_to)


def _excessive(facts: Facts) -> str | None:
    assert facts.manifest is not None
    return excess(facts.segment, facts.manifest, facts.voices)


def _nothing_wrong(_facts: Facts) -> str | None:
    return ""


TABLE: tuple[tuple[int, Callable[[Facts], str | None]], ...] = (
    (MALFORMED, _unreadable),
    (UNKNOWN_DEVICE, _unknown),
    (BAD_SIGNATURE, _unsigned),
    (MALFORMED, _undecodable),
    (DUPLICATE, _stored_before),  # also in quarantine: what was receipted stays receipted
    (FORK, _other_bytes),
    (QUARANTINED, _in_quarantine),
    (RETIRED, _begun_after_retirement),
    (MALFORMED, _wrong_start),
    (FORK, _chain_broken),
    (UNAVAILABLE, _no_room_to_hold),
    (GAP, _predecessor_missing),
    (UNKNOWN_PACK, _pack_missing),
    (OVER_CAP, _out_of_order),
    (OVER_CAP, _excessive),
    (ACCEPTED, _nothing_wrong),
)


def decide(facts: Facts) -> Decision:
    """The first row of `TABLE` that applies."""
    for verdict, question in TABLE:
        detail = question(facts)
        if detail is not None:
            return Decision(verdict, detail)
    raise AssertionError("the last row applies to everything")
