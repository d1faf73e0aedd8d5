"""The fleet as a table: what the ledger, the broker and the watch say of each player, side by side. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from amos.protocol.link import OUTPUT_OK, OUTPUTS, STATE_PLAYING, STATES, Status
from amos.protocol.printable_host import printable
from amos_ledger.totals import DeviceTotals
from amos_tools.fleet.members import Member, Members
from amos_tools.fleet.show import pack_facts

CLOCKS = ("unknown", "informative", "synchronised", "relative")
"""By `amos.protocol.segment.CLOCK_*`."""
UNKNOWN, AWAY, RETIRED = "unknown", "away", "retired"
ALL_STATES = (*STATES, AWAY, RETIRED, UNKNOWN)
PACK_DIGITS = 8


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One player. What its status says (from `state` on) is signed by nobody; None where there is none.

    heard_unix_s  when the ledger last heard of it;  wrong  sentences, of the ledger, the fleet's desk and the watch
    """

    site: str
    name: str
    device_id: str
    heard_unix_s: int | None
    pack_wanted: str | None
    state: str = UNKNOWN
    pack_actual: str | None = None
    clock: str | None = None
    lease_days: int | None = None
    spare_segments: int | None = None
    underruns: int | None = None
    failed_writes: int | None = None
    unsynced_minutes: int | None = None
    version: str | None = None
    wrong: tuple[str, ...] = ()


def fleet_rows(
    devices: Iterable[DeviceTotals], members: Members, alerts: Iterable[Mapping[str, Any]] = ()
) -> list[FleetRow]:
    """One for each device of the ledger, in its order. `alerts` are the facts of the watch."""
    told: dict[str, list[str]] = {}
    for alert in alerts:
        if not alert["over"]:
            told.setdefault(str(alert["key"]).rpartition(":")[2], []).append(str(alert["sentence"]))
    return [_row(device, members, told.get(device.device_id, [])) for device in devices]


def _row(device: DeviceTotals, members: Members, alerts: list[str]) -> FleetRow:
    id = bytes.fromhex(device.device_id)
    member = members.by_name.get((device.site, id)) or Member(device.site, id)
    packs = pack_facts(member, members.pack_refusal(member))
    wrong = [*alerts]
    if device.quarantine:
        wrong.append(f"in quarantine: {device.quarantine}")
    if device.held:
        wrong.append(f"segments held: {device.held}")
    if packs["refusal"]:
        wrong.append(f"refuses the pack: {packs['refusal']}")
    if member.forged:
        wrong.append("the broker has a directive for it that is not this operator's")
    status = member.status
    said: dict[str, Any] = {}
    if status is not None:
        said = _said(status)
        wrong += _complaints(status)
    if device.retired_unix_s is not None:
        said["state"] = RETIRED
    elif status is not None and members.is_offline(device.site):
        said["state"] = AWAY
    return FleetRow(
        site=device.site,
        name=printable(device.name),
        device_id=device.device_id,
        heard_unix_s=device.last_seen_unix_s,
        pack_wanted=_short(packs["wanted"]),
        pack_actual=_short(packs["actual"]),
        wrong=tuple(printable(sentence) for sentence in wrong),
        **said,
    )


def _said(status: Status) -> dict[str, Any]:
    return {
        "state": STATES[status.state],
        "clock": CLOCKS[status.clock],
        "lease_days": None if status.lease_seconds_left is None else status.lease_seconds_left // 86_400,
        "spare_segments": status.spare_segments,
        "underruns": status.underruns,
        "failed_writes": status.failed_writes,
        "unsynced_minutes": status.unsynced_ms // 60_000,
        "version": printable(status.firmware),
    }


def _complaints(status: Status) -> list[str]:
    found = [status.text] if status.text else []
    if status.directive_refused:
        found.append(f"refuses its directive: {status.directive_refused}")
    if status.state == STATE_PLAYING and status.output != OUTPUT_OK:
        found.append(f"output: {OUTPUTS[status.output]}")
    return found


def _short(pack: str | None) -> str | None:
    return None if pack is None else pack[:PACK_DIGITS]
