"""What an operator wants to change, put over what holds: the directive that comes next. Decisions only."""

from dataclasses import dataclass, field
from typing import Any

from amos.protocol.directive import Directive, Position, version_of
from amos_sync.addresses import pack_url
from amos_sync.errors import SettingError
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.pause_hours import text_of

FIELDS = ("tier", "volume", "sliders", "pause", "pack")
"""What a directive may leave to the player, by its name at the desk."""

_OF_FIELD = {"volume": ("volume_q15",), "pack": ("pack", "pack_place", "pack_from_unix_s")}
_UNITY = 32768


@dataclass(frozen=True)
class Changes:
    """`values` are fields of a directive; what `forgotten` names (`FIELDS`) is left to the player again; what is not
    named stays. `restart` and `sync` are done once, by the directive that comes next."""

    values: dict[str, Any] = field(default_factory=dict)
    forgotten: tuple[str, ...] = ()
    restart: bool = False
    sync: bool = False

    @property
    def any(self) -> bool:
        """Whether there is something to sign."""
        return bool(self.values or self.forgotten or self.restart or self.sync)


def next_directive(before: Directive | None, device_id: bytes, changes: Changes, now_unix_s: int) -> Directive:
    """The directive after `before`, which this operator signed, or None.

    Its serial is the time: so it goes on even where the broker has lost what it retained. What a player says of its
    serial is not signed, and asking it would let anybody use the numbers up. Raises `FleetError`.
    """
    kept = {} if before is None else {name: getattr(before, name) for _key, name, _kind, _bound in Directive.FIELDS}
    for name in changes.forgotten:
        if name not in FIELDS:
            raise FleetError(f"--forget: expected one of {', '.join(FIELDS)}, found {name[:40]!r}")
        for field_name in _OF_FIELD.get(name, (name,)):
            kept[field_name] = None
    if "pack" in changes.values:
        kept |= {"pack_place": None, "pack_from_unix_s": None}
    serial = now_unix_s if before is None else max(now_unix_s, before.serial + 1)
    kept |= changes.values
    kept |= {"version": version_of(kept.get("pause")), "serial": serial}
    kept |= {"device_id": device_id, "issued_unix_s": now_unix_s}
    kept |= {name: serial for name, asked in (("restart", changes.restart), ("sync", changes.sync)) if asked}
    directive = Directive(**kept)
    fault = directive.fault()
    if fault:
        raise FleetError(fault)
    return directive


def volume_of(percent: int) -> int:
    """The gain in Q15."""
    return max(percent * _UNITY // 100, 1)


def place_of(text: str) -> str:
    """Where couriers may fetch a pack. Raises `FleetError`: no courier would say at the desk that it cannot."""
    try:
        return pack_url(text)
    except SettingError as error:
        raise FleetError(str(error)) from None


def position_of(text: str) -> Position:
    """`energy=40`, in percent. Raises `FleetError`."""
    name, _equals, percent = text.rpartition("=")
    if not name or len(name.encode()) > 64 or not (percent.isascii() and percent.isdigit() and len(percent) <= 3):
        raise FleetError(f"--slider: expected NAME=PERCENT, as in energy=40, found {text[:80]!r}")
    if int(percent) > 100:
        raise FleetError(f"--slider: expected at most 100 percent, found {percent}")
    return Position(name=name, position_q15=int(percent) * _UNITY // 100)


def facts_of(directive: Directive) -> dict[str, Any]:
    """A directive as people read it."""
    volume = directive.volume_q15
    facts = {
        "serial": directive.serial,
        "tier": directive.tier,
        "volume_percent": None if volume is None else round(volume * 100 / _UNITY),
        "sliders": {slider.name: round(slider.position_q15 * 100 / _UNITY) for slider in directive.sliders or ()},
        "pause": [text_of(hours) for hours in directive.pause or ()],
        "pack": None if directive.pack is None else directive.pack.hex(),
        "pack_place": directive.pack_place,
        "pack_from_unix_s": directive.pack_from_unix_s,
        "restart": directive.restart,
        "sync": directive.sync,
    }
    return {name: value for name, value in facts.items() if value not in (None, [], {})}
