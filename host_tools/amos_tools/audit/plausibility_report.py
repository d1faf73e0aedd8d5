"""What is not plausible, as a table and as data."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from amos.protocol.printable_host import printable
from amos_cli.table import print_table
from amos_tools.audit.plausibility import Plausibility
from amos_tools.audit.watched import in_hours

MICRO = 1_000_000


def facts(found: Plausibility, income_micro: int | None) -> dict[str, Any]:
    """For programs."""
    return {
        "plausible": not found.found,
        "period": found.period,
        "devices": found.devices,
        "segments": found.segments,
        "played_ms": found.played_ms,
        "income_micro": income_micro,
        "checked": list(found.checked),
        "findings": [
            {
                "device_id": device.device_id.hex(),
                "site": device.site,
                "name": device.name,
                "finding": item.odd.name.lower(),
                "concerned_ms": item.concerned_ms,
                "share_ppm": item.concerned_ms * MICRO // max(1, found.played_ms),
                "at_risk_micro": None if income_micro is None else found.at_risk_micro(item, income_micro),
                "detail": item.detail,
            }
            for device, item in found.found
        ],
    }


def show(found: Plausibility, income_micro: int | None) -> None:
    """For people."""
    if found.found:
        table = Table("device", "site", "finding", "ms concerned", "share", "at risk", "what was seen")
        for column in table.columns[3:6]:
            column.justify = "right"
        for device, item in found.found:
            risk = "" if income_micro is None else _decimal(found.at_risk_micro(item, income_micro))
            share = f"{100 * item.concerned_ms / max(1, found.played_ms):.2f} %"
            name, site = (escape(printable(text)) for text in (device.name, device.site))
            table.add_row(name, site, str(item.odd), f"{item.concerned_ms:,}", share, risk, escape(item.detail))
        print_table(table)
    told = f"{found.devices:,} devices, {found.segments:,} segments, {in_hours(found.played_ms)} of stems"
    print(f"{len(found.found)} findings in {found.period}: {told}")


def _decimal(micro: int) -> str:
    return f"{micro // MICRO:,}.{micro % MICRO:06}"
