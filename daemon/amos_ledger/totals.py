"""What a ledger has at one moment, and of each device, as reports, alerts and metrics tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Flagged:
    """How many accepted segments of a device have a flag, and how many frames of their stem-time it concerns."""

    segments: int
    frames: int


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something odd about a device that proves nothing alone: `count` out of `whole` units, as "frames"."""

    device_id: str
    name: str
    oddity: str
    unit: str
    count: int
    whole: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.count / self.whole if self.whole else 1.0


@dataclass(frozen=True, slots=True)
class DeviceTotals:
    """What one device has in the ledger; `frames` is stem-time, added over all rows of all its accepted segments.

    renderer    whether it is enrolled to render, and need not play in real time
    boots, sessions  as its own counters say; `sessions_without_play` of these left no play in an accepted segment:
                broken off before anything sounded, not sent yet, or skipped when a card was changed
    flags       what is odd about accepted segments;  findings  what is evidence, by what is wrong with it
    predecessor, successor  the devices (hex) that it replaced and that replaced it, in the same place at the site
    retired_unix_s  since when its play does not count, because it was replaced or revoked; None while it does
    place_segments, place_frames  of this device and all before it in its place
    enrolled_unix_s  when it was enrolled first;  last_seen_unix_s  when the ledger last took something of it in, or
                told it the time, which a courier asks for once a day
    """

    device_id: str
    name: str
    site: str
    renderer: bool
    segments: int
    frames: int
    held: int
    last_sequence: int
    quarantine: str | None
    boots: int
    sessions: int
    sessions_without_play: int
    flags: Mapping[str, Flagged]
    findings: Mapping[str, int]
    predecessor: str | None = None
    successor: str | None = None
    retired_unix_s: int | None = None
    place_segments: int = 0
    place_frames: int = 0
    enrolled_unix_s: int = 0
    last_seen_unix_s: int | None = None

    def silent_s(self, now_s: int) -> int:
        """For how long nothing was heard of it; one that never was heard of is silent since its enrolment."""
        return now_s - (self.enrolled_unix_s if self.last_seen_unix_s is None else self.last_seen_unix_s)


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


@dataclass(frozen=True, slots=True)
class Watched:
    """What alerts about a device rest on.

    seen_unix_s    when it was last heard of, or enrolled
    lease_end_unix_s  of the pack of its newest segment, None: that is not known
    session_ms, delivered_ms  of its latest session: how long it lasted, and how much sound left it
    """

    device_id: str
    name: str
    site: str
    renderer: bool
    retired: bool
    quarantine: str | None
    seen_unix_s: int
    lease_end_unix_s: int | None
    session_ms: int
    delivered_ms: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """Counts that are had at once, however large the ledger is."""

    log_size: int
    without_receipt: int
    held: int
    devices: int
    quarantined: int


def with_places(devices: list[DeviceTotals]) -> list[DeviceTotals]:
    """The same, with what each device and all before it in its place have in the ledger."""
    known = {device.device_id: device for device in devices}
    summed = []
    for device in devices:
        segments = frames = 0
        at: DeviceTotals | None = device
        while at is not None:
            segments, frames = segments + at.segments, frames + at.frames
            at = known[at.predecessor] if at.predecessor else None
        summed.append(replace(device, place_segments=segments, place_frames=frames))
    return summed


@dataclass(frozen=True, slots=True)
class SiteDay:
    """Accepted segments of a site that begin on a UTC day, None: that is not known; of these `unreceipted` have no
    signed head for a receipt yet. `frames` is stem-time; `lasted_ms` is from begin to end, of those that are dated."""

    site: str
    day: int | None
    segments: int
    unreceipted: int
    frames: int
    lasted_ms: int


@dataclass(frozen=True, slots=True)
class DeviceDay:
    """The same of one device; `boots` are those that it counts itself, `flagged` segments have a flag."""

    day: int | None
    segments: int
    frames: int
    lasted_ms: int
    boots: int
    flagged: int


@dataclass(frozen=True, slots=True)
class SessionSeen:
    """A session of a device: its own numbers, where its sound went, and for how long it lasted and sounded."""

    session: int
    boot: int
    output_kind: int | None
    lasted_ms: int
    delivered_ms: int
    segments: int
    frames: int
    begun_unix_ms: int | None
