"""Every entry of the log in order: who signed it, and whether it follows from those before.

Kept apart per device is the chain (sequence, hash of the segment before); kept of the settled period are the readings.
"""

import hashlib
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from amos.crypto import key_id, verify
from amos.protocol.batch import batch_unix_s
from amos.protocol.closing import TYP_STATEMENT, Closing, open_closing
from amos.protocol.cose import HEADER_TYP, TYP_OPT_OUTS, TYP_USAGE, parse
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment, open_enrolment
from amos.protocol.errors import ProtocolError, SignatureError
from amos.protocol.forgone import TYP_FORGONE, open_forgone
from amos.protocol.loss import TYP_LOSS, Loss, open_loss
from amos.protocol.opt_outs import OptOuts, open_opt_outs
from amos.protocol.quarantine import TYP_RULING, open_ruling
from amos.protocol.record import U63 as SEQUENCE_MAX
from amos.protocol.revocation import TYP_REVOCATION, Revocation, open_revocation
from amos.protocol.segment import (
    CLOCK_INFORMATIVE,
    CLOCK_SYNCHRONISED,
    FIRST_PREVIOUS,
    TIER_RENDERER,
    VERSION_WITHOUT_OUTPUT,
    Usage,
    claimed_device_id,
)
from amos.protocol.usage_reader import open_usage
from amos_tools.verify.decided import Decided
from amos_tools.verify.errors import Difference
from amos_tools.verify.forgone import GivenUp
from amos_tools.verify.keys import Keys
from amos_tools.verify.standing import PLAY_AGE_S_MAX, Hours, flags
from amos_tools.verify.tree import ENTRY_BYTES_MAX


@dataclass(frozen=True)
class Reading:
    """What a settled segment says. `rows` are (stem's index in the pack, frames, Unix seconds of the beginning by the
    player's clock, None where that is not believed). `revoked`: a revocation of its key stands before it in the log."""

    index: int
    device_id: bytes
    accrual: str
    flags: frozenset[str]
    pack: bytes
    tier: int
    rate_hz: int
    rows: tuple[tuple[int, int, int | None], ...]
    revoked: bool


@dataclass(frozen=True)
class Sealed:
    """A segment as its successor refers to it. `end` is boot, session and end frame."""

    sha256: bytes
    end: tuple[int, int, int]


@dataclass
class Device:
    """A player as enrolled, and its chain: sequence numbers ascending, and what was sealed under each.

    renderer  whether it is enrolled to render
    gaps      (first, last, label): numbers skipped so far, and the entry that skipped them
    declared  (first, last): numbers that a signed segment says are lost
    keys      (first sequence number, public key that signs from there on), in order
    predecessor, successor  the devices before and after it in its place at the site
    retired_s   since when its play does not count: another took its place, or its key was revoked
    """

    keys: list[tuple[int, bytes]]
    voices: int
    hours: Hours
    renderer: bool = False
    site: str = ""
    predecessor: bytes | None = None
    successor: bytes | None = None
    retired_s: int | None = None
    revoked: bool = False
    sequences: list[int] = field(default_factory=list)
    sealed: dict[int, Sealed] = field(default_factory=dict)
    gaps: list[tuple[int, int, str]] = field(default_factory=list)
    declared: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Log:
    """What the walk found.

    target    index of the closing whose readings are kept
    closed    periods closed so far, with the index of the closing
    carries   what each currency's last closing carried out
    unsettled leaf index of usage that no closing has settled, with the period it accrues to; before the first batch
              entry that is by the player's clock alone, and None where the ledger's own decided
    received  when what follows was received, in Unix seconds; None before the first batch entry
    opt_outs  the lists logged before the target
    decided   documents and quarantines in force
    catalogue_serial  under which the log names the catalogue of the target; None where it names none
    """

    keys: Keys
    origin: str
    target: int
    target_closing: Closing
    devices: dict[bytes, Device] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)
    carries: dict[str, int] = field(default_factory=dict)
    last_closing: int | None = None
    unsettled: dict[int, str | None] = field(default_factory=dict)
    received: int | None = None
    opt_outs: list[OptOuts] = field(default_factory=list)
    decided: Decided = field(default_factory=Decided)
    catalogue_serial: int | None = None
    readings: list[Reading] = field(default_factory=list)
    segments: int = 0
    given_up: GivenUp = field(default_factory=GivenUp)
    target_leaves: frozenset[int] = frozenset()


def walk(entries: Iterable[bytes], origin: str, target: int, closing: Closing, keys: Keys) -> Log:
    """Check every entry; keep the readings that `closing`, the entry at `target`, settles. Raises `Difference`."""
    for first, count in closing.ranges():
        if first + count > target:
            raise Difference(
                f"entry {target}: closing.settled", f"leaves below {target}", f"{first} to {first + count - 1}"
            )
    log = Log(keys, origin, target, closing, target_leaves=frozenset(closing.leaves()))
    for index, entry in enumerate(entries):
        _take(log, index, entry)
    _check_gaps(log)
    return log


def _take(log: Log, index: int, entry: bytes) -> None:
    label = f"entry {index}"
    if index == 0:
        genesis = f"amos-ledger/1 {log.origin}\n".encode()
        if entry != genesis:
            raise Difference(f"{label}: genesis", genesis.decode().strip(), entry.decode(errors="replace"))
        return
    try:
        if log.given_up.take_leaf(index, entry):
            return
        received = batch_unix_s(entry)
        if received is not None:
            log.received = received
            return
        if log.decided.take_text(index, entry, log.devices.keys()):
            return
        typ = parse(entry, ENTRY_BYTES_MAX).header.get(HEADER_TYP)
        if typ == TYP_USAGE:
            _take_usage(log, index, entry)
        elif typ == TYP_ENROLMENT:
            _take_enrolment(log, label, open_enrolment(entry, log.keys.operator, verify))
        elif typ == TYP_OPT_OUTS:
            _take_opt_outs(log, index, open_opt_outs(entry, log.keys.publisher, verify))
        elif typ == TYP_REVOCATION:
            _take_revocation(log, label, open_revocation(entry, log.keys.operator, verify))
        elif typ == TYP_LOSS:
            _take_loss(log, label, open_loss(entry, log.keys.operator, verify))
        elif typ == TYP_FORGONE:
            log.given_up.take(index, open_forgone(entry, log.keys.operator, verify))
        elif typ == TYP_RULING:
            log.decided.take_ruling(label, open_ruling(entry, log.keys.operator, verify))
        elif typ == TYP_STATEMENT:
            _check_gaps(log)
            closing = open_closing(entry, log.keys.ledger, verify)
            log.decided.check_closing(label, closing)
            if index == log.target:
                log.catalogue_serial = log.decided.paying_serial
            _take_closing(log, index, closing)
        else:
            raise Difference(
                f"{label}: typ", "usage, enrolment, revocation, ruling, forgone, loss, opt-outs or closing", typ
            )
    except SignatureError as error:
        raise Difference(f"{label}: signature", "one that verifies", f"one that does not ({error})") from None
    except ProtocolError as error:
        raise Difference(label, "a message of its format", f"a fault ({error})") from None


def _take_enrolment(log: Log, label: str, enrolment: Enrolment) -> None:
    """Whoever is in a place got it from nobody, or from the one device that it replaced, which does not return."""
    if enrolment.device_id != key_id(enrolment.keys[0][1]):
        raise Difference(f"{label}: enrolment.device_id", key_id(enrolment.keys[0][1]), enrolment.device_id)
    renderer = enrolment.tier == TIER_RENDERER
    new = Device(enrolment.keys, enrolment.voices, Hours(enrolment.unix_s), renderer)
    known = log.devices.setdefault(enrolment.device_id, new)
    _take_keys(label, known, enrolment.keys)
    _take_kind(log, label, known, enrolment)
    known.voices = max(known.voices, enrolment.voices)
    known.site = enrolment.site
    if known.successor is not None:
        raise Difference(f"{label}: enrolment.device_id", "one that nothing has replaced", enrolment.device_id)
    if known.retired_s is not None:
        raise Difference(f"{label}: enrolment.device_id", "one that is not revoked", enrolment.device_id)
    if enrolment.predecessor is None:
        return
    predecessor = log.devices.get(enrolment.predecessor)
    if predecessor is None or predecessor.successor not in (None, enrolment.device_id):
        raise Difference(f"{label}: enrolment.predecessor", "one enrolled and not replaced", enrolment.predecessor)
    if predecessor.site != enrolment.site:
        raise Difference(f"{label}: enrolment.site", predecessor.site, enrolment.site)
    if known.predecessor not in (None, enrolment.predecessor):
        raise Difference(f"{label}: enrolment.predecessor", known.predecessor, enrolment.predecessor)
    predecessor.successor, known.predecessor = enrolment.device_id, enrolment.predecessor
    if predecessor.retired_s is None:
        predecessor.retired_s = enrolment.unix_s


def _take_kind(log: Log, label: str, known: Device, enrolment: Enrolment) -> None:
    """Whoever is enrolled as a renderer, or as a player, stays one. Before the first batch entry there were none."""
    renderer = enrolment.tier == TIER_RENDERER
    if log.received is not None and known.renderer != renderer:
        kind = "a renderer's" if known.renderer else "a player's"
        raise Difference(f"{label}: enrolment.tier", f"{kind}, as the device was enrolled before", enrolment.tier)
    known.renderer = renderer


def _check_kind(label: str, usage: Usage, device: Device) -> None:
    """A renderer's play is a renderer's, and nobody else's is; those of version 1 knew no renderers."""
    if usage.version == VERSION_WITHOUT_OUTPUT or (usage.tier == TIER_RENDERER) == device.renderer:
        return
    kind = "a renderer's" if device.renderer else "a player's"
    raise Difference(f"{label}: usage.tier", f"{kind}, as the device is enrolled", usage.tier)


def _take_keys(label: str, device: Device, keys: list[tuple[int, bytes]]) -> None:
    """The keys that a device had stay, and one that follows them begins after all that is in the log by then.

    `open_enrolment` has followed the signatures from the first key to the last.
    """
    known, fresh = keys[: len(device.keys)], keys[len(device.keys) :]
    if known != device.keys:
        raise Difference(f"{label}: enrolment.handovers", f"to begin with the {len(device.keys)} keys known", "others")
    reached = device.sequences[-1] if device.sequences else 0
    if fresh and fresh[0][0] <= reached:
        raise Difference(f"{label}: enrolment.handovers, first sequence", f"above {reached}", fresh[0][0])
    device.keys = keys


def _key_in_force(label: str, device: Device, kid: bytes) -> tuple[bytes, range]:
    """(public key of this id, the sequence numbers that it signs)."""
    for number, (first, key) in enumerate(device.keys):
        if key_id(key) == kid:
            until = device.keys[number + 1][0] if number + 1 < len(device.keys) else SEQUENCE_MAX + 1
            return key, range(first, until)
    raise Difference(f"{label}: usage, key id", "that of a key of the device's enrolments", kid)


def _take_loss(log: Log, label: str, loss: Loss) -> None:
    """Of an enrolled device."""
    device = log.devices.get(loss.device_id)
    if device is None:
        raise Difference(f"{label}: loss.device_id", "one enrolled before", loss.device_id)
    device.declared.append((loss.first, loss.last))


def _take_revocation(log: Log, label: str, revocation: Revocation) -> None:
    """Of an enrolled device, and for an earlier instant than it was retired at before."""
    device = log.devices.get(revocation.device_id)
    if device is None:
        raise Difference(f"{label}: revocation.device_id", "one enrolled before", revocation.device_id)
    if device.retired_s is not None and device.retired_s <= revocation.unix_s:
        raise Difference(f"{label}: revocation.unix_s", f"before {device.retired_s}", revocation.unix_s)
    device.retired_s, device.revoked = revocation.unix_s, True


def _take_opt_outs(log: Log, index: int, opt_outs: OptOuts) -> None:
    """Serials rise, and instants do not fall, or it would be unclear which list was in force."""
    if log.opt_outs and index < log.target:
        before = log.opt_outs[-1]
        if opt_outs.serial <= before.serial:
            raise Difference(f"entry {index}: opt-outs.serial", f"above {before.serial}", opt_outs.serial)
        if opt_outs.issued_unix_s < before.issued_unix_s:
            raise Difference(
                f"entry {index}: opt-outs.issued_unix_s", f"from {before.issued_unix_s}", opt_outs.issued_unix_s
            )
    if index < log.target:
        log.opt_outs.append(opt_outs)


def _take_usage(log: Log, index: int, entry: bytes) -> None:
    label = f"entry {index}"
    kid = bytes(parse(entry, ENTRY_BYTES_MAX).kid)
    # A device that never changed its key has that key's id; of another, only the payload tells whose it is.
    device_id = kid if kid in log.devices else claimed_device_id(entry)
    device = log.devices.get(device_id)
    if device is None:
        raise Difference(f"{label}: usage.device_id", "one enrolled before", device_id)
    key, signs = _key_in_force(label, device, kid)
    usage = open_usage(entry, key, verify, device_id)
    if usage.sequence not in signs:
        raise Difference(f"{label}: usage.sequence", f"one that key {kid.hex()} signs", usage.sequence)
    _check_kind(label, usage, device)
    sha256 = hashlib.sha256(entry).digest()
    log.decided.check_usage(label, device_id, sha256, usage.pack)
    _check_chain(label, usage, device, sha256)
    span = usage.end_frame - usage.first_frame
    if sum(usage.frames) > device.voices * span:
        raise Difference(f"{label}: usage.frames", f"at most {device.voices} voices x {span} frames", sum(usage.frames))
    log.segments += 1
    odd = flags(usage, claimed_s(usage), log.received, device.hours)
    natural = _natural_period(log, usage, odd, device)
    log.unsettled[index] = _open_period(natural, log.closed)
    if index in log.target_leaves:
        kind = _accrual(log, label, usage, odd, log.unsettled[index])
        began_s = None if "far_dated" in odd else claimed_s(usage)
        rows = tuple((stem, frames, _row_s(usage, began_s, start)) for stem, start, frames, _flags in usage.rows())
        told = (usage.pack, usage.tier, usage.rate_hz, rows, device.revoked)
        log.readings.append(Reading(index, usage.device_id, kind, odd, *told))


def _row_s(usage: Usage, began_s: int | None, start: int) -> int | None:
    return None if began_s is None else began_s + (start - usage.first_frame) // usage.rate_hz


def _natural_period(log: Log, usage: Usage, odd: frozenset[str], device: Device) -> str | None:
    """The month to which the play belongs; None where the ledger's clock decided and did not log what it said."""
    if log.received is None:
        return claimed_period(usage)
    if odd & {"undated", "far_dated"}:
        return month_of(log.received)
    claimed = claimed_period(usage)
    if "before_enrolment" in odd:
        return max(claimed or "", month_of(device.hours.since_unix_s) or "")
    return claimed


def _check_chain(label: str, usage: Usage, device: Device, sha256: bytes) -> None:
    """Each sequence number once, the hash of the segment before, and no time twice.

    A loss may be declared by a later segment than the one that follows it, which the ledger then logs with it, so gaps
    are judged at closings and at the end. A segment that was declared lost may be found again, and then stands in the
    log after its successors.
    """
    at = bisect(device.sequences, usage.sequence)
    reached = device.sequences[at - 1] if at else 0
    if reached == usage.sequence:
        raise Difference(f"{label}: usage.sequence", "one that comes once", usage.sequence)
    if usage.lost_first is not None and usage.lost_last is not None:
        device.declared.append((usage.lost_first, usage.lost_last))
    if at == len(device.sequences) and usage.sequence > reached + 1:
        device.gaps.append((reached + 1, usage.sequence - 1, label))
    if usage.sequence == reached + 1 and usage.lost_last != reached:
        before = device.sealed.get(reached, Sealed(FIRST_PREVIOUS, (0, 0, 0)))
        if usage.previous != before.sha256:
            raise Difference(f"{label}: usage.previous", before.sha256, usage.previous)
        start = (usage.boot, usage.session, usage.first_frame)
        if start < before.end:
            raise Difference(f"{label}: usage boot, session, first frame", f"from {before.end}", start)
    device.sequences.insert(at, usage.sequence)
    device.sealed[usage.sequence] = Sealed(sha256, (usage.boot, usage.session, usage.end_frame))


def _check_gaps(log: Log) -> None:
    """Every number that was skipped so far was declared lost by some segment."""
    for device in log.devices.values():
        for first, last, label in device.gaps:
            missing = first
            for lost_first, lost_last in sorted(device.declared):
                if lost_first <= missing:
                    missing = max(missing, lost_last + 1)
            if missing <= last:
                raise Difference(f"{label}: usage.sequence", missing, last + 1)
        device.gaps.clear()


def claimed_s(usage: Usage) -> int | None:
    """When the play started by the player's own clock, in Unix seconds; None when that rests on no anchor."""
    if usage.clock not in (CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED):
        return None
    if usage.anchor_unix_ms is None or usage.anchor_ms is None:
        return None
    return (usage.anchor_unix_ms - usage.anchor_ms + usage.start_ms) // 1000


def claimed_period(usage: Usage) -> str | None:
    """The month of `claimed_s`, None for a clock that names no month of the years 2000 to 9998."""
    return month_of(claimed_s(usage))


def month_of(unix_s: int | None) -> str | None:
    """The UTC month of that moment, None outside the years 2000 to 9998."""
    # 946684800 is the start of 2000, 253370764800 that of 9999.
    if unix_s is None or not 946_684_800 <= unix_s < 253_370_764_800:
        return None
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m")


def _open_period(claimed: str | None, closed: dict[str, int]) -> str | None:
    """The period to which play of `claimed` accrues: that month, or the first after it that is not closed."""
    while claimed in closed:
        year, month = int(claimed[:4]), int(claimed[5:])
        claimed = f"{year + month // 12:04}-{month % 12 + 1:02}"
    return claimed


def _accrual(log: Log, label: str, usage: Usage, odd: frozenset[str], accrues_to: str | None) -> str:
    """Why the segment accrues to the target's period; the ledger may not just choose one."""
    period = log.target_closing.period
    claimed = claimed_period(usage)
    if log.received is not None:
        if accrues_to != period:
            raise Difference(f"{label}: period", accrues_to, period)
        if odd & {"undated", "far_dated"}:
            return "by_reception"
        if claimed == period:
            return "by_clock"
        return "late" if _open_period(claimed, log.closed) == period else "by_enrolment"
    if claimed == period:
        return "by_clock"
    if claimed is None:
        return "by_reception"
    if accrues_to == period:
        return "late"
    # The ledger's clock may decide against the player's only where no reception in the period makes the play possible.
    played = claimed_s(usage)
    year, month = int(period[:4]), int(period[5:])
    end_s = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()
    if claimed < period and played is not None and end_s <= played + PLAY_AGE_S_MAX:
        raise Difference(f"{label}: period", f"{accrues_to}, by the player's clock", period)
    return "by_reception"


def _take_closing(log: Log, index: int, closing: Closing) -> None:
    label = f"entry {index}: closing"
    if closing.period in log.closed:
        raise Difference(f"{label}.period", "one not closed before", closing.period)
    if closing.previous != log.last_closing:
        raise Difference(f"{label}.previous", log.last_closing, closing.previous)
    carry = log.carries.get(closing.currency, 0)
    if closing.carry_in_micro != carry:
        raise Difference(f"{label}.carry_in_micro", carry, closing.carry_in_micro)
    for first, count in closing.ranges():
        for leaf in range(first, min(first + count, index + 1)):
            if leaf not in log.unsettled:
                raise Difference(f"{label}.settled", "usage before it that no period has settled", f"leaf {leaf}")
            del log.unsettled[leaf]
    for leaf, period in log.unsettled.items():
        if period == closing.period:
            raise Difference(f"{label}.settled", f"leaf {leaf}, which accrues to {period}", "it left out")
    log.closed[closing.period] = index
    log.carries[closing.currency] = closing.carry_out_micro
    log.last_closing = index
