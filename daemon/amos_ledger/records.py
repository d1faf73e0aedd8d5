"""Rows of the ledger's tables as values: what intake decides about and the store keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from amos.protocol.answer import VERDICTS
from amos.protocol.segment import Usage
from amos_ledger.log.leaf import Leaf


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A key of a device. It signs the sequence numbers from `first_sequence` up to before `until`, None: in force."""

    key_id: bytes
    public_key: bytes
    first_sequence: int
    until: int | None


class Device(NamedTuple):
    """An enrolled device; `quarantine` says why its segments are only kept as evidence, None when they count.

    What it began to play after `retired_unix_s`, when another device took its place, does not count either. What it has
    taken of the time since its first enrolment is `counted_ms` (settlement.standing).
    """

    keys: tuple[DeviceKey, ...]
    device_id: bytes
    site: str
    name: str
    tier: int
    voices: int
    quarantine: str | None
    retired_unix_s: int | None
    first_enrolled_unix_s: int
    counted_ms: int

    def key(self, key_id: bytes) -> DeviceKey | None:
        """The key of this id that the device has or had, or None."""
        for key in self.keys:
            if key.key_id == key_id:
                return key
        return None


class Sealed(NamedTuple):
    """What an accepted segment says that its neighbours in the chain are held against.

    `previous` is None when it declares the segment before lost: then it need not know its hash.
    """

    sequence: int
    sha256: bytes
    previous: bytes | None
    boot: int
    session: int
    first_frame: int
    end_frame: int
    leaf_index: int | Leaf
    sounding: bytes | None = None


class SessionPlay(NamedTuple):
    """What the accepted segments of one session, or of all sessions of a boot, say together.

    sessions      how many
    first_frame   of the earliest;  start_ms, end_ms  from the earliest to the latest, by the monotonic clock
    delivered_ms  of their samples
    """

    sessions: int
    first_frame: int
    start_ms: int
    end_ms: int
    delivered_ms: int


class IssuedAnchor(NamedTuple):
    """What the ledger remembers of the anchor that a segment rests on.

    issued   whether this ledger signed it for this device
    epoch    counts how often the ledger's own clock was set back before; instants of two epochs are not compared
    current  whether that is the present one
    boot     the boot in which it was first used, None: in none yet
    own_ms   the moment of the player's monotonic clock that it was first said to be
    """

    issued: bool
    epoch: int = 0
    current: bool = False
    boot: int | None = None
    own_ms: int | None = None


class DatedPlay(NamedTuple):
    """An accepted segment of another boot, in the ledger's time: Unix milliseconds."""

    sequence: int
    boot: int
    start_unix_ms: int
    end_unix_ms: int


@dataclass(frozen=True, slots=True)
class SeedRoot:
    """What the ledger knows of the root that a session's seed drew on.

    size      of the tree that has this root and that a receipt was given for, None: there is none
    received  whether such a receipt was for an earlier segment of the same device
    """

    size: int | None
    received: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """A verdict of `amos.protocol.answer`, and what to add to its sentence (may be empty).

    `finding` names what is wrong where the verdict does not, and stands at the beginning of the detail too.
    """

    verdict: int
    detail: str
    finding: str | None = None


class Accepted(NamedTuple):
    """What the store keeps of an accepted segment beside what it says.

    period, late  where it accrues
    flags         what makes it odd, and the frames of play concerned
    sounding      placements that sound on (intake.placements)
    epoch, dated_ms  where the ledger dated it in real time: its epoch, and start and end in Unix ms
    """

    leaf_index: int | Leaf
    period: str
    late: bool
    received_s: int
    flags: Mapping[str, int]
    sounding: bytes
    epoch: int | None
    dated_ms: tuple[int, int] | None


class Course(NamedTuple):
    """What is known of a device, of which nothing is held or rejected, when a segment comes that goes on behind its
    last one, in the same session, with the same anchor and the same root.

    last, last_usage    its accepted segment with the highest number, and what that says
    in_session, in_boot what is accepted of the last one's session and boot
    anchor              what is remembered of the anchor on which the last one rests, None: it rests on none
    latest              the last of what the ledger dated in that anchor's epoch
    root_known          whether the root that the last one names may be named
    """

    device: Device
    last: Sealed
    last_usage: Usage
    in_session: SessionPlay
    in_boot: SessionPlay
    anchor: IssuedAnchor | None
    latest: DatedPlay | None
    root_known: bool


def severed(usage: Usage) -> bool:
    """Whether the segment declares the one before it lost."""
    return usage.lost_last is not None and usage.lost_last == usage.sequence - 1


@dataclass(frozen=True, slots=True)
class Held:
    """A held segment and whom to answer."""

    segment: bytes
    site: str
    message_sha256: bytes
    received_unix_s: int


class Wanted(NamedTuple):
    """An accepted segment of which somebody waits for the receipt; `message_sha256` as in `Receipted`."""

    device_id: bytes
    sequence: int
    site: str
    message_sha256: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """A held segment as it is reported. `waits_for` is a sequence number, or 0 when it waits for its pack."""

    device_id: bytes
    name: str
    site: str
    sequence: int
    verdict: int
    waits_for: int
    pack: bytes
    received_unix_s: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A segment that is kept and does not count. `ruling` is the index of the entry that rejected it, None: none did.

    site, message_sha256  whom to answer; None for what was kept before schema 4
    """

    sequence: int
    sha256: bytes
    segment: bytes
    verdict: int
    detail: str
    finding: str | None
    received_unix_s: int
    site: str | None
    message_sha256: bytes | None
    ruling: int | None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A device in quarantine since the entry `leaf_index`; `evidence` segments are kept, of them `rejected`."""

    device_id: bytes
    name: str
    site: str
    leaf_index: int
    reason: str
    evidence: int
    rejected: int


class SignedHead(NamedTuple):
    """A tree head for which receipts were given: `signature` is that of a receipt for it, by the ledger's key of this
    id."""

    size: int
    root: bytes
    key_id: bytes
    signature: bytes


class Receipted(NamedTuple):
    """An accepted segment that has its first receipt, and whom to answer."""

    device_id: bytes
    sequence: int
    site: str
    message_sha256: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed period: `entry` is the signed closing at `leaf_index` of the log, `title` as `Closing.title` has it."""

    title: str
    leaf_index: int
    entry: bytes


def verdict_name(verdict: int) -> str:
    """The verdict in words."""
    return str(VERDICTS[verdict])
