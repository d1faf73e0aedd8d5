"""What is wrong with devices at this moment. Pure: time is passed in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from amos.protocol.printable_host import printable
from amos_ledger.totals import Watched

SILENT, LEASE, QUARANTINE, SLOW = "silent", "lease", "quarantine", "slow"
KINDS = (SILENT, LEASE, QUARANTINE, SLOW)

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Rules:
    """When something is wrong.

    silent_s     nothing was heard of a device for longer
    grace_s      the same for a site, "SITE", or one place there, "SITE/NAME"
    lease_s      the pack that it plays may be played for no longer than this
    ratio_min    what it delivered, over the time that its latest session lasted, is less
    session_s    of sessions at least so long: the beginning of one says little
    """

    silent_s: int = 3 * _DAY_S
    grace_s: Mapping[str, int] = field(default_factory=dict)
    lease_s: int = 7 * _DAY_S
    ratio_min: float = 0.95
    session_s: int = 3600


@dataclass(frozen=True, slots=True)
class Condition:
    """Something wrong with one device; `sentence` says it to people, `key` names it."""

    kind: str
    device_id: str
    sentence: str

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.device_id}"


def conditions(devices: Iterable[Watched], rules: Rules, now_s: int) -> list[Condition]:
    """All that is wrong, by device. A retired device is missed by nobody."""
    found = []
    for device in devices:
        if device.retired:
            continue
        named = f"{printable(device.name)} at {printable(device.site)} ({device.device_id[:8]})"
        for kind, what in _wrong(device, rules, now_s):
            found.append(Condition(kind, device.device_id, f"{named}: {what}"))
    return found


def _wrong(device: Watched, rules: Rules, now_s: int) -> Iterator[tuple[str, str]]:
    grace_s = rules.grace_s.get(f"{device.site}/{device.name}", rules.grace_s.get(device.site, rules.silent_s))
    if now_s - device.seen_unix_s > grace_s:
        yield SILENT, f"nothing heard since {_moment(now_s - device.seen_unix_s)} ago"
    if device.quarantine is not None:
        yield QUARANTINE, f"in quarantine: {printable(device.quarantine)}"
    left_s = None if device.lease_end_unix_s is None else device.lease_end_unix_s - now_s
    if left_s is not None and left_s <= rules.lease_s:
        ends = f"ends in {_moment(left_s)}" if left_s > 0 else "has ended"
        yield LEASE, f"the lease of the pack it plays {ends}; publish one with a later end"
    lasted_ms, delivered_ms = device.session_ms, device.delivered_ms
    if not device.renderer and lasted_ms >= rules.session_s * 1000 and delivered_ms < rules.ratio_min * lasted_ms:
        yield SLOW, f"delivers {delivered_ms / lasted_ms:.3f} of real time in its latest session"


def _moment(seconds: int) -> str:
    return f"{seconds // _DAY_S} days" if seconds >= 2 * _DAY_S else f"{seconds // 3600} hours"
