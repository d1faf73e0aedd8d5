"""The usage segments of a published log: whose they are, verified, and when they were played."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from amos.crypto import key_id, verify
from amos.protocol.batch import batch_unix_s
from amos.protocol.cose import HEADER_KID, HEADER_TYP, TYP_USAGE, parse
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment, open_enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.segment import CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED, Usage
from amos.protocol.usage_reader import ANY_DEVICE, open_usage
from amos_batches.runner import Runner
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.opened import Entries, batches
from amos_tools.verify.standing import possible
from amos_tools.verify.tree import ENTRY_BYTES_MAX

_HEADER_BYTES = 96
_ENROLS = TYP_ENROLMENT.encode()


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A player as its last enrolment has it; `keys`: all public keys that it ever signed with."""

    device_id: bytes
    site: str
    name: str
    tier: int
    keys: tuple[bytes, ...]

    @property
    def called(self) -> str:
        """Where it plays, and its name there."""
        return f"{self.site}/{self.name}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is needed of a segment whose signature is good to choose it, and to find it plausible. `unix_ms`: when it
    began by the player's clock, None where that rests on no anchor; `stems`: (stem's index in the pack, frames)."""

    device_id: bytes
    sequence: int
    boot: int
    session: int
    first_frame: int
    end_frame: int
    rate_hz: int
    start_ms: int
    end_ms: int
    clock: int
    unix_ms: int | None
    tier: int
    pack: bytes
    score: bytes
    start_state: bytes
    seed_root: bytes | None
    reason: int
    stems: tuple[tuple[int, int], ...]

    @property
    def played_ms(self) -> int:
        """Stem-time: what artists are paid for."""
        return sum(frames for _stem, frames in self.stems) * 1000 // self.rate_hz

    @property
    def lasted_ms(self) -> int:
        """How long its audio is."""
        return (self.end_frame - self.first_frame) * 1000 // self.rate_hz


@dataclass(frozen=True, slots=True)
class Fault:
    """A segment by a key that is asked for, which is none or is not signed by it."""

    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A segment at its place in the log. `began_s` is by the player's clock where that is possible (`dated`), else when
    the ledger received it; None where neither is known."""

    index: int
    entry: bytes
    seen: Seen
    began_s: int | None
    dated: bool

    @property
    def day(self) -> str:
        """The UTC day, as 2026-11-30; empty where it is not known."""
        return day_of(self.began_s)


def enrolled_in(audit: Audit) -> dict[bytes, Enrolled]:
    """All players of the log by device id. Raises `Difference` for an enrolment that the operator did not sign."""
    found: dict[bytes, Enrolled] = {}
    for index, entry in enumerate(audit.entries()):
        if _ENROLS not in entry[:_HEADER_BYTES]:
            continue
        try:
            record: Enrolment = audit.lines.operator.open_at(index, entry, open_enrolment, verify)
        except ProtocolError as error:
            raise Difference(f"entry {index}", "an enrolment by the operator's key", error) from None
        keys = tuple(key for _first, key in record.keys)
        found[record.device_id] = Enrolled(record.device_id, record.site, record.name, record.tier, keys)
    return found


def key_table(devices: Mapping[bytes, Enrolled]) -> dict[bytes, bytes]:
    """Public keys of these devices by key id."""
    return {key_id(key): key for device in devices.values() for key in device.keys}


def readings(audit: Audit, devices: Mapping[bytes, Enrolled], runner: Runner) -> Iterator[Reading]:
    """The segments of these devices in the order of the log. Raises `Difference` for one that is not signed."""
    received: int | None = None
    for batch, found in runner.pairs(see, batches(audit.entries(), key_table(devices))):
        for place, (entry, seen) in enumerate(zip(batch.entries, found, strict=True)):
            if seen is None:
                received = batch_unix_s(entry) or received
                continue
            index = batch.first + place
            if isinstance(seen, Fault):
                raise Difference(f"entry {index}", "a segment by the device's key", seen.text)
            if seen.device_id in devices:
                yield _dated(index, entry, seen, received)


def see(batch: Entries) -> tuple[Seen | Fault | None, ...]:
    """Of each entry, what it says as a segment by one of the batch's keys. Pure, for any runner."""
    return tuple(_seen(entry, batch.keys) for entry in batch.entries)


def day_of(unix_s: int | None) -> str:
    """The UTC day of that moment, as 2026-11-30; empty outside the years 2000 to 9998."""
    if unix_s is None or not 946_684_800 <= unix_s < 253_370_764_800:
        return ""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d")


def _dated(index: int, entry: bytes, seen: Seen, received: int | None) -> Reading:
    claimed = None if seen.unix_ms is None else seen.unix_ms // 1000
    dated = claimed is not None and (received is None or possible(claimed, received))
    return Reading(index, entry, seen, claimed if dated else received, dated)


def _seen(entry: bytes, keys: Mapping[bytes, bytes]) -> Seen | Fault | None:
    try:
        header = parse(entry, ENTRY_BYTES_MAX).header
    except ProtocolError:
        return None
    kid = header.get(HEADER_KID)
    if header.get(HEADER_TYP) != TYP_USAGE or kid is None or bytes(kid) not in keys:
        return None
    try:
        return _of(open_usage(entry, keys[bytes(kid)], verify, ANY_DEVICE))
    except ProtocolError as error:
        return Fault(str(error))


def _of(usage: Usage) -> Seen:
    stems: dict[int, int] = {}
    for stem, frames in zip(usage.stems, usage.frames, strict=True):
        stems[stem] = stems.get(stem, 0) + frames
    return Seen(
        device_id=usage.device_id,
        sequence=usage.sequence,
        boot=usage.boot,
        session=usage.session,
        first_frame=usage.first_frame,
        end_frame=usage.end_frame,
        rate_hz=usage.rate_hz,
        start_ms=usage.start_ms,
        end_ms=usage.end_ms,
        clock=usage.clock,
        unix_ms=_unix_ms(usage),
        tier=usage.tier,
        pack=usage.pack,
        score=usage.score,
        start_state=usage.start_state,
        seed_root=usage.seed_root,
        reason=usage.reason,
        stems=tuple(sorted(stems.items())),
    )


def _unix_ms(usage: Usage) -> int | None:
    if usage.clock not in (CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED):
        return None
    if usage.anchor_unix_ms is None or usage.anchor_ms is None:
        return None
    return usage.anchor_unix_ms - usage.anchor_ms + usage.start_ms
