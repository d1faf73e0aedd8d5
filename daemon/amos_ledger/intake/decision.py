"""The one decision about a usage message (daemon/DESIGN.md section 11): facts in, verdict out. Pure.

`TABLE` is read from the top; the first row whose question has an answer decides. A question answers with a sentence
for the answer's `detail` (it may be empty), or None when it does not apply. Numbers and general sentences of the
verdicts are `amos.protocol.answer`'s.
"""

from amos.protocol.answer import (
    ACCEPTED,
    BAD_SIGNATURE,
    DUPLICATE,
    FORK,
    GAP,
    IMPOSSIBLE,
    MALFORMED,
    QUARANTINED,
    RETIRED,
    UNAVAILABLE,
    UNKNOWN_DEVICE,
    UNKNOWN_PACK,
)
from amos.protocol.segment import FIRST_PREVIOUS
from amos_ledger.intake.facts import Facts
from amos_ledger.intake.findings import FINDINGS, Question
from amos_ledger.limits import HELD_SEGMENTS_MAX
from amos_ledger.records import Decided
from amos_ledger.settlement.periods import plausible, played_unix_s

CONDEMNING = (FORK, IMPOSSIBLE)
"""Quarantine the device; the segment is kept as evidence."""

EVIDENCE = (FORK, IMPOSSIBLE, QUARANTINED, RETIRED)
"""Kept, never deleted, never counted."""


def _unreadable(facts: Facts) -> str | None:
    return facts.unreadable


def _unknown(facts: Facts) -> str | None:
    return None if facts.enrolled else ""


def _unknown_key(facts: Facts) -> str | None:
    """The device may have a new key whose handover has not come yet; nothing is lost until it has."""
    if facts.unknown_key is None:
        return None
    return f"expected a key of the device's enrolment, found {facts.unknown_key.hex()}"


def _unsigned(facts: Facts) -> str | None:
    return None if facts.signed else ""


def _undecodable(facts: Facts) -> str | None:
    return facts.undecodable


def _stored_before(facts: Facts) -> str | None:
    return "" if facts.stored == facts.sha256 else None


def _key_handed_over(facts: Facts) -> str | None:
    """The key gave way before this sequence number: whoever signs with it has stolen or restored it."""
    key, sequence = facts.key, facts.segment.sequence
    if key is None or key.until is None or sequence < key.until:
        return None
    return f"key {key.key_id.hex()} signs up to before sequence {key.until}, found {sequence}"


def _key_not_yet(facts: Facts) -> str | None:
    """The key came into force after this sequence number."""
    key, sequence = facts.key, facts.segment.sequence
    if key is None or sequence >= key.first_sequence:
        return None
    return f"key {key.key_id.hex()} signs from sequence {key.first_sequence} on, found {sequence}"


def _rejected(facts: Facts) -> str | None:
    """It proves nothing more, so it quarantines nobody a second time."""
    return None if facts.rejected is None else f"rejected by the operator, entry {facts.rejected} of the log"


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


def _nothing_wrong(_facts: Facts) -> str | None:
    return ""


TABLE: tuple[tuple[int, str | None, Question], ...] = (
    (MALFORMED, None, _unreadable),
    (UNKNOWN_DEVICE, None, _unknown),
    (UNKNOWN_DEVICE, "key_unknown", _unknown_key),
    (BAD_SIGNATURE, None, _unsigned),
    (MALFORMED, None, _undecodable),
    (DUPLICATE, None, _stored_before),  # also in quarantine: what was receipted stays receipted
    (QUARANTINED, None, _rejected),
    # Before anything that condemns: a stolen key must not bring the device into quarantine that it was taken from.
    (RETIRED, "key_handed_over", _key_handed_over),
    (RETIRED, "key_not_yet", _key_not_yet),
    (FORK, None, _other_bytes),
    (QUARANTINED, None, _in_quarantine),
    (RETIRED, None, _begun_after_retirement),
    (MALFORMED, None, _wrong_start),
    (FORK, None, _chain_broken),
    (UNAVAILABLE, None, _no_room_to_hold),
    (GAP, None, _predecessor_missing),
    (UNKNOWN_PACK, None, _pack_missing),
    *((IMPOSSIBLE, name, question) for name, question in FINDINGS),
    (ACCEPTED, None, _nothing_wrong),
)


def decide(facts: Facts) -> Decided:
    """The first row of `TABLE` that applies."""
    for verdict, finding, question in TABLE:
        detail = question(facts)
        if detail is not None:
            return Decided(verdict, f"{finding}: {detail}" if finding else detail, finding)
    raise AssertionError("the last row applies to everything")
