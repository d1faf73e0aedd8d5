"""What a decision does to the store: gather the facts, decide by the table, keep what is to be kept.

Runs inside the store's transaction; nothing here commits, publishes or sends.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from amos.crypto import verify
from amos.protocol.answer import ACCEPTED, GAP, HELD, UNKNOWN_PACK
from amos.protocol.batch import minute_of
from amos.protocol.envelope_host import wrap
from amos.protocol.manifest import Manifest
from amos.protocol.segment import NO_SEED_ROOT, Usage
from amos_ledger.intake.clocks import dated_ms, in_real_time, rests_on_anchor
from amos_ledger.intake.decision import CONDEMNING, EVIDENCE, decide
from amos_ledger.intake.facts import Facts
from amos_ledger.intake.placements import sounding_after
from amos_ledger.intake.reading import Opened, Reading, open_all, reread
from amos_ledger.ordinary_lines import Lines
from amos_ledger.records import (
    Accepted,
    DatedPlay,
    Decided,
    Device,
    DeviceKey,
    Held,
    IssuedAnchor,
    Sealed,
    SeedRoot,
    verdict_name,
)
from amos_ledger.settlement.periods import assign_period
from amos_ledger.settlement.standing import Enrolled, counted_ms, flags_of, natural_period
from amos_ledger.store.store import Store

_MOVING = (ACCEPTED, GAP, UNKNOWN_PACK, *CONDEMNING)
"""Verdicts after which a held segment may be able to go on; of a held one, because it may declare a loss."""


class Outcome(NamedTuple):
    """The verdict on one message, and what an answer needs; `sequence` is None where it was not readable."""

    message_sha256: bytes
    site: str | None
    device_id: bytes | None
    sequence: int | None
    verdict: int
    detail: str

    @property
    def key(self) -> tuple[bytes | None, int | None]:
        """Which segment it is about."""
        return self.device_id, self.sequence


def take(store: Store, readings: Sequence[Reading], received_unix_s: int) -> list[Outcome]:
    """Decide about each message in its turn, keep what the verdict says, then release held segments that it lets go
    on."""
    outcomes: list[Outcome] = []
    several = len(readings) > 1
    if several:
        store.foresight.devices(reading.device_id for reading in readings if reading.device_id is not None)
    every = open_all(readings, _keys(store), store.manifest, verify)
    if several:
        store.foresight.usage(opened.usage for opened in every if opened.usage is not None)
    lines = Lines(store, received_unix_s)
    for opened in every:
        reading = opened.reading
        if opened.usage is not None and lines.accept(opened):
            facts = reading.message_sha256, reading.site, reading.device_id, opened.usage.sequence
            outcomes.append(Outcome(*facts, ACCEPTED, ""))
            continue
        lines.end(reading.device_id)
        outcome = _decide_and_keep(store, opened, received_unix_s)
        outcomes.append(outcome)
        if outcome.device_id is not None and outcome.verdict in _MOVING:
            outcomes += release(store, outcome.device_id)
    lines.end_all()
    return outcomes


def _key(store: Store, reading: Reading) -> DeviceKey | None:
    """The key of the device that should have signed it."""
    if reading.message is None or reading.device_id is None:
        return None
    device = store.chain.device(reading.device_id)
    return None if device is None else device.key(reading.message.kid)


def _keys(store: Store) -> Callable[[Reading], DeviceKey | None]:
    """As `_key`. What it found is remembered, for messages that are opened before any of them is decided about."""
    found: dict[tuple[bytes | None, bytes], DeviceKey | None] = {}

    def key(reading: Reading) -> DeviceKey | None:
        if reading.message is None:
            return None
        name = reading.device_id, reading.message.kid
        if name not in found:
            found[name] = _key(store, reading)
        return found[name]

    return key


def _open(store: Store, reading: Reading) -> Opened:
    return open_all([reading], lambda reading: _key(store, reading), store.manifest, verify)[0]


def release(store: Store, device_id: bytes) -> Iterator[Outcome]:
    """Decide anew about every held segment of the device that need not wait any longer."""
    while (held := store.chain.next_ready(device_id)) is not None:
        yield _decide_anew(store, device_id, held)


def judge_again(store: Store, device_id: bytes, first_sequence: int) -> None:
    """Decide anew about what is held from this number on, since another key signs from there on. Nobody is answered:
    the player from which the held ones could have come has signed none of them."""
    for held in store.chain.held_from(device_id, first_sequence):
        _decide_anew(store, device_id, held)


def _decide_anew(store: Store, device_id: bytes, held: Held) -> Outcome:
    reading = reread(held.segment, held.message_sha256, held.site, device_id)
    outcome = _decide_and_keep(store, _open(store, reading), held.received_unix_s)
    assert outcome.sequence is not None
    if outcome.verdict not in HELD:
        store.chain.release(device_id, outcome.sequence)
        if outcome.verdict != ACCEPTED:
            store.chain.take_back_loss(device_id, outcome.sequence)  # or a segment could follow what no log says
    return outcome


def reconsider(store: Store, device_id: bytes) -> list[Outcome]:
    """Decide anew about what is kept as evidence of the device and was not rejected, as if it came now in its order.

    Each keeps the time of its reception, so that it accrues as if it had been decided then.
    """
    device = store.chain.device(device_id)
    assert device is not None
    outcomes: list[Outcome] = []
    for kept in store.quarantines.evidence(device_id):
        if kept.ruling is not None:
            continue
        store.quarantines.take_back(device_id, kept.sha256)
        message_sha256 = kept.message_sha256 or hashlib.sha256(wrap(kept.segment)).digest()
        reading = reread(kept.segment, message_sha256, kept.site or device.site, device_id)
        outcomes += take(store, [reading], kept.received_unix_s)
    return outcomes


def gather(store: Store, opened: Opened, received_unix_s: int) -> tuple[Facts, Usage | None]:
    """The facts about one message, in the order in which they may be known: no payload before its signature."""
    reading, key, signed, usage, fault, manifest, _rows = opened
    if reading.fault is not None or reading.device_id is None:
        return Facts(unreadable=reading.fault or "topic: expected a device's"), None
    chain = store.chain
    device = chain.device(reading.device_id)
    if device is None:
        return Facts(), None
    assert reading.message is not None
    if key is None:
        kid = reading.message.kid
        if chain.device(kid) is not None:
            return Facts(unreadable=f"usage.device_id: expected the topic's, found {kid.hex()}"), None
        return Facts(enrolled=True, unknown_key=kid), None
    if usage is None:
        return Facts(enrolled=True, signed=signed, undecodable=fault), None
    before, after = chain.neighbours(device.device_id, usage.sequence)
    stored, held, held_count = chain.kept(device.device_id, usage.sequence)
    anchor = _anchor(store, usage)
    facts = Facts(
        enrolled=True,
        signed=True,
        key=key,
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
        before_usage=_of_boot(store, before, usage.boot),
        after_usage=_of_boot(store, after, usage.boot),
        rejected=store.quarantines.rejected(device.device_id, reading.sha256),
        lost=chain.lost(device.device_id),
        voices=device.voices,
        tier=device.tier,
        enrolled_s=device.first_enrolled_unix_s,
        counted_ms=device.counted_ms,
        manifest=manifest,
        in_session=chain.sessions.of_session(device.device_id, usage.session),
        in_boot=chain.sessions.of_boot(device.device_id, usage.boot),
        anchor=anchor,
        elsewhere=_elsewhere(store, usage, anchor),
        seed_root=_seed_root(store, usage),
    )
    return facts, usage


def _of_boot(store: Store, sealed: Sealed | None, boot: int) -> Usage | None:
    return store.chain.payload(sealed) if sealed is not None and sealed.boot == boot else None


def _anchor(store: Store, usage: Usage) -> IssuedAnchor | None:
    if usage.anchor_unix_ms is None or not rests_on_anchor(usage):
        return None
    return store.chain.anchors.issued(usage.device_id, usage.anchor_unix_ms)


def _elsewhere(store: Store, usage: Usage, anchor: IssuedAnchor | None) -> tuple[DatedPlay, ...]:
    times = dated_ms(usage)
    if times is None or anchor is None or not anchor.issued:
        return ()
    return store.chain.anchors.elsewhere(usage.device_id, anchor.epoch, times[0])


def _seed_root(store: Store, usage: Usage) -> SeedRoot | None:
    if usage.seed_root in (None, NO_SEED_ROOT):
        return None
    return store.chain.heads.seed_root(usage.device_id, usage.sequence, usage.seed_root)


def _decide_and_keep(store: Store, opened: Opened, received_unix_s: int) -> Outcome:
    facts, usage = gather(store, opened, received_unix_s)
    decision = decide(facts)
    detail, reading = decision.detail, opened.reading
    if usage is not None:
        detail = _keep(store, reading, facts, decision, received_unix_s)
    sequence = usage.sequence if usage else None
    return Outcome(reading.message_sha256, reading.site, reading.device_id, sequence, decision.verdict, detail)


def _keep(store: Store, reading: Reading, facts: Facts, decision: Decided, received_unix_s: int) -> str:
    """Do what the verdict says; the sentence for the answer's detail."""
    usage, verdict = facts.segment, decision.verdict
    if usage.lost_first is not None and (verdict == ACCEPTED or verdict in HELD):
        store.chain.declare_lost(usage)  # also while it waits itself: what it waits for may wait for this
    if verdict == ACCEPTED:
        _accept(store, reading, usage, _known(store, facts), received_unix_s)
    elif verdict in HELD:
        store.chain.hold(reading, usage, verdict, facts.missing, received_unix_s)
    elif verdict in EVIDENCE:
        kept = store.chain.keep_evidence(reading, usage.sequence, decision, received_unix_s)
        if verdict in CONDEMNING:
            reason = f"{verdict_name(verdict)}: sequence {usage.sequence}: {decision.detail}"
            store.quarantines.begin(usage.device_id, usage.sequence, reading.sha256, reason)
        if not kept:
            return f"{decision.detail}; not kept, there is evidence enough"
    return decision.detail


class _Known(NamedTuple):
    """What acceptance rests on beside what the segment says: `played` are frames of all its rows, `sounding` is what
    sounds on after it (`intake.placements`)."""

    pack: Manifest
    device: Device
    anchor: IssuedAnchor | None
    played: int
    sounding: bytes


def _known(store: Store, facts: Facts) -> _Known:
    usage = facts.segment
    before, _after = facts.next_to
    goes_on = before is not None and before.session == usage.session
    sounding = sounding_after(usage, before.sounding if before is not None and goes_on else None)
    device = store.chain.device(usage.device_id)
    assert device is not None
    return _Known(facts.pack, device, facts.anchor, usage.played_frames(), sounding)


def _accept(store: Store, reading: Reading, usage: Usage, known: _Known, received_unix_s: int) -> None:
    pack, device, anchor, played, sounding = known
    received_minute_s = minute_of(received_unix_s)
    enrolled = Enrolled(device.first_enrolled_unix_s, device.counted_ms)
    flags = flags_of(usage, received_minute_s, enrolled)
    natural = natural_period(usage, received_minute_s, flags, enrolled)
    period, late = assign_period(natural, store.closed_periods())
    epoch = times = None
    if anchor is not None and anchor.issued and in_real_time(usage):
        epoch, times = anchor.epoch, dated_ms(usage)
    leaf_index = store.append_usage(reading.segment, received_minute_s)
    facts = (leaf_index, period, late, received_unix_s, dict.fromkeys(flags, played), sounding, epoch, times)
    store.chain.accept(reading, usage, Accepted(*facts), played)
    store.chain.count_time(device, counted_ms(usage, flags))
    if anchor is not None and anchor.issued and usage.anchor_unix_ms is not None:
        store.chain.anchors.use(usage.device_id, usage.anchor_unix_ms, usage.boot, usage.anchor_ms)
    store.rollups.add(period, usage, pack, checked=True)
