"""What a decision does to the store: gather the facts, decide by the table, keep what is to be kept.

Runs inside the store's transaction; nothing here commits, publishes or sends.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from amos.crypto import verify
from amos.protocol.answer import ACCEPTED, GAP, HELD, UNKNOWN_PACK
from amos.protocol.segment import Usage
from amos_ledger.intake.decision import CONDEMNING, EVIDENCE, Decision, Facts, decide
from amos_ledger.intake.reading import Reading, open_reading, reread
from amos_ledger.records import verdict_name
from amos_ledger.settlement.periods import assign_period, period_of
from amos_ledger.settlement.rollup import roll_up
from amos_ledger.store.store import Store

_MOVING = (ACCEPTED, GAP, UNKNOWN_PACK, *CONDEMNING)
"""Verdicts after which a held segment may be able to go on; of a held one, because it may declare a loss."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one message, and what an answer needs; `sequence` is None where it was not readable."""

    message_sha256: bytes
    site: str | None
    device: bytes | None
    sequence: int | None
    verdict: int
    detail: str

    @property
    def key(self) -> tuple[bytes | None, int | None]:
        """Which segment it is about."""
        return self.device, self.sequence


def take(store: Store, reading: Reading, received_unix_s: int) -> list[Outcome]:
    """Decide about one message, keep what the verdict says, then release held segments that it lets go on."""
    outcome = _decide_and_keep(store, reading, received_unix_s)
    outcomes = [outcome]
    if outcome.device is not None and outcome.verdict in _MOVING:
        outcomes += release(store, outcome.device)
    return outcomes


def release(store: Store, device: bytes) -> Iterator[Outcome]:
    """Decide anew about every held segment of the device that need not wait any longer."""
    while (held := store.chain.next_ready(device)) is not None:
        reading = reread(held.segment, held.message_sha256, held.site, device)
        outcome = _decide_and_keep(store, reading, held.received_unix_s)
        assert outcome.sequence is not None
        if outcome.verdict not in HELD:
            store.chain.release(device, outcome.sequence)
        yield outcome


def gather(store: Store, reading: Reading, received_unix_s: int) -> tuple[Facts, Usage | None]:
    """The facts about one message, in the order in which they may be known: no payload before its signature."""
    if reading.fault is not None or reading.device is None:
        return Facts(unreadable=reading.fault or "topic: expected a device's"), None
    chain = store.chain
    device = chain.device(reading.device)
    if device is None:
        return Facts(), None
    signed, usage, fault = open_reading(reading, device.public_key, verify)
    if usage is None:
        return Facts(enrolled=True, signed=signed, undecodable=fault), None
    before, after = chain.neighbours(device.device, usage.sequence)
    stored, held, held_count = chain.kept(device.device, usage.sequence)
    facts = Facts(
        enrolled=True,
        signed=True,
        usage=usage,
        sha256=reading.sha256,
        quarantine=device.quarantine,
        retired_s=device.retired_unix_s,
        received_s=received_unix_s,
        stored=stored,
        held=held,
        held_count=held_count,
        before=before,
        after=after,
        lost=chain.lost(device.device),
        voices=device.voices,
        manifest=store.manifest(usage.pack),
    )
    return facts, usage


def _decide_and_keep(store: Store, reading: Reading, received_unix_s: int) -> Outcome:
    facts, usage = gather(store, reading, received_unix_s)
    decision = decide(facts)
    detail = decision.detail
    if usage is not None:
        detail = _keep(store, reading, facts, decision, received_unix_s)
    sequence = usage.sequence if usage else None
    return Outcome(reading.message_sha256, reading.site, reading.device, sequence, decision.verdict, detail)


def _keep(store: Store, reading: Reading, facts: Facts, decision: Decision, received_unix_s: int) -> str:
    """Do what the verdict says; the sentence for the answer's detail."""
    usage, verdict = facts.segment, decision.verdict
    if usage.lost_first is not None and (verdict == ACCEPTED or verdict in HELD):
        store.chain.declare_lost(usage)  # also while it waits itself: what it waits for may wait for this
    if verdict == ACCEPTED:
        _accept(store, reading, facts, received_unix_s)
    elif verdict in HELD:
        store.chain.hold(reading, usage, verdict, facts.missing, received_unix_s)
    elif verdict in EVIDENCE:
        kept = store.chain.keep_evidence(reading, usage.sequence, verdict, decision.detail, received_unix_s)
        if verdict in CONDEMNING:
            reason = f"{verdict_name(verdict)}: sequence {usage.sequence}: {decision.detail}"
            store.chain.quarantine(usage.device_id, reason)
        if not kept:
            return f"{decision.detail}; not kept, there is evidence enough"
    return decision.detail


def _accept(store: Store, reading: Reading, facts: Facts, received_unix_s: int) -> None:
    usage, manifest = facts.segment, facts.manifest
    assert manifest is not None
    period, late = assign_period(period_of(usage, received_unix_s), store.closed_periods())
    leaf_index = store.append([reading.segment])
    store.chain.accept(reading, usage, leaf_index, (period, late), received_unix_s)
    store.add_rollup(period, roll_up(usage, manifest))
