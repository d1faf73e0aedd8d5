"""Rows of the ledger's tables as values."""

from dataclasses import dataclass

from amos.protocol.answer import VERDICTS


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled device; `quarantine` says why its segments are only kept as evidence, None when they count."""

    device: bytes
    public_key: bytes
    site: str
    name: str
    tier: int
    voices: int
    quarantine: str | None


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

    device: bytes
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
    """What one device has in the ledger; `frames` is stem-time, added over all rows of all its accepted segments."""

    device: str
    name: str
    site: str
    segments: int
    frames: int
    held: int
    last_sequence: int
    quarantine: str | None


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


def verdict_name(verdict: int) -> str:
    """The verdict in words."""
    return str(VERDICTS[verdict])
