"""A roll-out as people and programs read it."""

from collections import Counter
from typing import Any

from rich.markup import escape
from rich.table import Table

from amos.protocol.printable_host import printable
from amos_cli.durations import in_words
from amos_tools.fleet.members import BY_EARLIER_KEY, Members
from amos_tools.fleet.rollout.state import Device, Health, Phase, Ring, Rollout

TROUBLE = (Health.REFUSES, Health.SILENT, Health.VANISHED)
TROUBLED_SHOWN_MAX = 20


def facts(rollout: Rollout) -> dict[str, Any]:
    """For programs."""
    return {
        "phase": str(rollout.phase),
        "why": rollout.why,
        "pack": rollout.target.pack_id,
        "serial": rollout.target.serial,
        "rings": [_ring(rollout, number, ring) for number, ring in enumerate(rollout.rings)],
    }


def _ring(rollout: Rollout, number: int, ring: Ring) -> dict[str, Any]:
    players = [
        {
            "site": device.site,
            "device_id": device.device_id,
            "serial": device.serial or None,
            "health": str(device.health),
            "reason": device.reason,
        }
        for device in ring.devices
    ]
    return {
        "name": ring.name,
        "state": state_of(rollout, number),
        "soaked_s": ring.soaked_ms // 1000,
        "soak_s": ring.limits.soak_s,
        "players": players,
    }


def is_troubled(device: Device) -> bool:
    """Whether somebody has to see to it."""
    return device.health in TROUBLE or device.reason == BY_EARLIER_KEY


def state_of(rollout: Rollout, number: int) -> str:
    """How far a ring is: waits, on or passed."""
    if number > rollout.ring:
        return "waits"
    passed = number < rollout.ring or rollout.phase is Phase.DONE
    return "passed" if passed else "on"


def table(rollout: Rollout) -> Table:
    """For people."""
    shown = Table("ring", "state", "soaked", "players", "how they are")
    for number, ring in enumerate(rollout.rings):
        soaked = f"{in_words(ring.soaked_ms // 1000)} of {in_words(ring.limits.soak_s)}"
        counts = Counter(device.health for device in ring.devices)
        healths = ", ".join(f"{counts[health]} {health}" for health in Health if counts[health])
        name = escape(printable(ring.name))
        shown.add_row(name, state_of(rollout, number), soaked, str(len(ring.devices)), healths)
    return shown


def sentences(rollout: Rollout) -> list[str]:
    """Where it stands, and which players are in trouble."""
    lines = [f"pack {rollout.target.serial} ({rollout.target.pack_id[:16]}): {rollout.phase}"]
    lines += [printable(rollout.why, 1000)] if rollout.why else []
    devices = [device for ring in rollout.begun for device in ring.devices if is_troubled(device)]
    return lines + _first([f"{device.name}: {device.health}: {printable(device.reason or '')}" for device in devices])


def passed_by(rollout: Rollout, members: Members) -> list[str]:
    """Which players of any ring are sent nothing, and what is to be done."""
    devices = [device for ring in rollout.rings for device in ring.devices]
    known = [members.of(device.site, bytes.fromhex(device.device_id)) for device in devices]
    return _first([f"{member.name}: is sent nothing: {BY_EARLIER_KEY}" for member in known if member.earlier])


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - TROUBLED_SHOWN_MAX
    return lines[:TROUBLED_SHOWN_MAX] + ([f"and {more} more"] if more > 0 else [])
