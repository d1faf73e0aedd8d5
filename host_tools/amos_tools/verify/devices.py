"""What the log says of each device: its keys and its place, and that its segments are one chain."""

from bisect import bisect
from dataclasses import dataclass, field

from amos.crypto import key_id
from amos.protocol.enrolment import Enrolment
from amos.protocol.loss import Loss
from amos.protocol.record import U63 as SEQUENCE_MAX
from amos.protocol.revocation import Revocation
from amos.protocol.segment import FIRST_PREVIOUS, TIER_RENDERER, VERSION_WITHOUT_OUTPUT
from amos_tools.verify.errors import Difference
from amos_tools.verify.opened import UsageSaid
from amos_tools.verify.standing import Hours


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment as its successor refers to it. `end` is boot, session and end frame."""

    sha256: bytes
    end: tuple[int, int, int]


@dataclass(slots=True)
class Run:
    """Segments with sequence numbers one after the other; only the last can still be followed."""

    first: int
    last: int
    sealed: Sealed


@dataclass(slots=True)
class Device:
    """A player as enrolled, and its chain as runs of sequence numbers, ascending.

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
    runs: list[Run] = field(default_factory=list)
    gaps: list[tuple[int, int, str]] = field(default_factory=list)
    declared: list[tuple[int, int]] = field(default_factory=list)


Devices = dict[bytes, Device]
"""By device id."""


def take_enrolment(devices: Devices, label: str, enrolment: Enrolment, dated: bool) -> None:
    """Whoever is in a place got it from nobody, or from the one device that it replaced, which does not return.
    `dated`: a batch entry stands before it."""
    if enrolment.device_id != key_id(enrolment.keys[0][1]):
        raise Difference(f"{label}: enrolment.device_id", key_id(enrolment.keys[0][1]), enrolment.device_id)
    renderer = enrolment.tier == TIER_RENDERER
    new = Device(enrolment.keys, enrolment.voices, Hours(enrolment.unix_s), renderer)
    known = devices.setdefault(enrolment.device_id, new)
    _take_keys(label, known, enrolment.keys)
    _take_kind(label, known, enrolment, dated)
    known.voices = max(known.voices, enrolment.voices)
    known.site = enrolment.site
    if known.successor is not None:
        raise Difference(f"{label}: enrolment.device_id", "one that nothing has replaced", enrolment.device_id)
    if known.retired_s is not None:
        raise Difference(f"{label}: enrolment.device_id", "one that is not revoked", enrolment.device_id)
    if enrolment.predecessor is None:
        return
    predecessor = devices.get(enrolment.predecessor)
    if predecessor is None or predecessor.successor not in (None, enrolment.device_id):
        raise Difference(f"{label}: enrolment.predecessor", "one enrolled and not replaced", enrolment.predecessor)
    if predecessor.site != enrolment.site:
        raise Difference(f"{label}: enrolment.site", predecessor.site, enrolment.site)
    if known.predecessor not in (None, enrolment.predecessor):
        raise Difference(f"{label}: enrolment.predecessor", known.predecessor, enrolment.predecessor)
    predecessor.successor, known.predecessor = enrolment.device_id, enrolment.predecessor
    if predecessor.retired_s is None:
        predecessor.retired_s = enrolment.unix_s


def _take_kind(label: str, known: Device, enrolment: Enrolment, dated: bool) -> None:
    """Whoever is enrolled as a renderer, or as a player, stays one. Before the first batch entry there were none."""
    renderer = enrolment.tier == TIER_RENDERER
    if dated and known.renderer != renderer:
        kind = "a renderer's" if known.renderer else "a player's"
        raise Difference(f"{label}: enrolment.tier", f"{kind}, as the device was enrolled before", enrolment.tier)
    known.renderer = renderer


def check_kind(label: str, usage: UsageSaid, device: Device) -> None:
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
    reached = device.runs[-1].last if device.runs else 0
    if fresh and fresh[0][0] <= reached:
        raise Difference(f"{label}: enrolment.handovers, first sequence", f"above {reached}", fresh[0][0])
    device.keys = keys


def key_in_force(label: str, device: Device, kid: bytes) -> tuple[bytes, range]:
    """(public key of this id, the sequence numbers that it signs)."""
    for number, (first, key) in enumerate(device.keys):
        if key_id(key) == kid:
            until = device.keys[number + 1][0] if number + 1 < len(device.keys) else SEQUENCE_MAX + 1
            return key, range(first, until)
    raise Difference(f"{label}: usage, key id", "that of a key of the device's enrolments", kid)


def take_loss(devices: Devices, label: str, loss: Loss) -> None:
    """Of an enrolled device."""
    device = devices.get(loss.device_id)
    if device is None:
        raise Difference(f"{label}: loss.device_id", "one enrolled before", loss.device_id)
    device.declared.append((loss.first, loss.last))


def take_revocation(devices: Devices, label: str, revocation: Revocation) -> None:
    """Of an enrolled device, and for an earlier instant than it was retired at before."""
    device = devices.get(revocation.device_id)
    if device is None:
        raise Difference(f"{label}: revocation.device_id", "one enrolled before", revocation.device_id)
    if device.retired_s is not None and device.retired_s <= revocation.unix_s:
        raise Difference(f"{label}: revocation.unix_s", f"before {device.retired_s}", revocation.unix_s)
    device.retired_s, device.revoked = revocation.unix_s, True


def check_chain(label: str, usage: UsageSaid, device: Device) -> None:
    """Each sequence number once, the hash of the segment before, and no time twice.

    A loss may be declared by a later segment than the one that follows it, which the ledger then logs with it, so gaps
    are judged at closings and at the end. A segment that was declared lost may be found again, and then stands in the
    log after its successors.
    """
    at = bisect(device.runs, usage.sequence, key=lambda run: run.first)
    before = device.runs[at - 1] if at else Run(0, 0, Sealed(FIRST_PREVIOUS, (0, 0, 0)))
    reached = before.last
    if usage.sequence <= reached:
        raise Difference(f"{label}: usage.sequence", "one that comes once", usage.sequence)
    if usage.lost_first is not None and usage.lost_last is not None:
        device.declared.append((usage.lost_first, usage.lost_last))
    if at == len(device.runs) and usage.sequence > reached + 1:
        device.gaps.append((reached + 1, usage.sequence - 1, label))
    if usage.sequence == reached + 1 and usage.lost_last != reached:
        if usage.previous != before.sealed.sha256:
            raise Difference(f"{label}: usage.previous", before.sealed.sha256, usage.previous)
        start = (usage.boot, usage.session, usage.first_frame)
        if start < before.sealed.end:
            raise Difference(f"{label}: usage boot, session, first frame", f"from {before.sealed.end}", start)
    _seal(device.runs, at, usage)


def _seal(runs: list[Run], at: int, usage: UsageSaid) -> None:
    """Put the segment before the run `at`, and join what it completes."""
    sealed = Sealed(usage.sha256, (usage.boot, usage.session, usage.end_frame))
    runs.insert(at, Run(usage.sequence, usage.sequence, sealed))
    for left in (at, at - 1):
        if 0 <= left < len(runs) - 1 and runs[left].last + 1 == runs[left + 1].first:
            runs[left + 1].first = runs[left].first
            del runs[left]


def check_gaps(devices: Devices) -> None:
    """Every number that was skipped so far was declared lost by some segment."""
    for device in devices.values():
        for first, last, label in device.gaps:
            missing = first
            for lost_first, lost_last in sorted(device.declared):
                if lost_first <= missing:
                    missing = max(missing, lost_last + 1)
            if missing <= last:
                raise Difference(f"{label}: usage.sequence", missing, last + 1)
        device.gaps.clear()
