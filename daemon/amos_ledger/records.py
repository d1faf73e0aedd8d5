"""Rows of the ledger's tables as values: what intake decides about and the store keeps."""

from dataclasses import dataclass, replace

from amos.protocol.answer import VERDICTS
from amos.protocol.segment import Usage


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled device; `quarantine` says why its segments are only kept as evidence, None when they count.

    What it began to play after `retired_unix_s`, when another device took its place, does not count either.
    """

    device_id: bytes
    public_key: bytes
    site: str
    name: str
    tier: int
    voices: int
    quarantine: str | None
    retired_unix_s: int | None


@dataclass(frozen=True, slots=True)
class Sealed:
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


@dataclass(frozen=True, slots=True)
class Receipted:
    """An accepted segment that has its first receipt, and whom to answer."""

    device_id: bytes
    sequence: int
    site: str
    message_sha256: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed period: `entry` is the signed closing at `leaf_index` of the log."""

    period: str
    leaf_index: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class DeviceTotals:
    """What one device has in the ledger; `frames` is stem-time, added over all rows of all its accepted segments.

    predecessor, successor  the devices (hex) that it replaced and that replaced it, in the same place at the site
    retired_unix_s  since when its play does not count, because it was replaced or revoked; None while it does
    place_segments, place_frames  of this device and all before it in its place
    """

    device: str
    name: str
    site: str
    segments: int
    frames: int
    held: int
    last_sequence: int
    quarantine: str | None
    predecessor: str | None = None
    successor: str | None = None
    retired_unix_s: int | None = None
    place_segments: int = 0
    place_frames: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The ledger at one moment.

    accepted    segments in the log;  frames  their stem-time
    duplicates  messages answered with an earlier receipt
    held        segments that wait, at this moment
    refused     messages refused, by verdict
    evidence    segments kept but not counted
    log_size    entries of the log, accepted segments among them
    """

    accepted: int
    frames: int
    duplicates: int
    held: int
    refused: dict[str, int]
    evidence: int
    log_size: int
    devices: list[DeviceTotals]

    @property
    def quarantined(self) -> list[DeviceTotals]:
        """Devices in quarantine."""
        return [device for device in self.devices if device.quarantine is not None]


def with_places(devices: list[DeviceTotals]) -> list[DeviceTotals]:
    """The same, with what each device and all before it in its place have in the ledger."""
    known = {device.device: device for device in devices}
    summed = []
    for device in devices:
        segments = frames = 0
        at: DeviceTotals | None = device
        while at is not None:
            segments, frames = segments + at.segments, frames + at.frames
            at = known[at.predecessor] if at.predecessor else None
        summed.append(replace(device, place_segments=segments, place_frames=frames))
    return summed


def verdict_name(verdict: int) -> str:
    """The verdict in words."""
    return str(VERDICTS[verdict])
