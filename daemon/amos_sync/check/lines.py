"""The lines to the players, and what each player says of itself."""

import errno
import grp
import os
from dataclasses import dataclass
from pathlib import Path

from amos.protocol.errors import ProtocolError
from amos.protocol.link import OUTPUT_OK, OUTPUTS, STATE_FAULT, STATE_FULL, STATES, Status
from amos.protocol.link_courier_call import read_status
from amos.protocol.printable_host import printable
from amos_sync.check.finding import Finding, fine, wrong
from amos_sync.errors import PortBusy, PortError, PortMissing
from amos_sync.player_call import hold
from amos_sync.ports import open_port

STATUS_WAIT_MS = 4_000
"""A player answers within milliseconds, and one that renders on a board within half a second."""
_OUTPUT_LOST = "lost"


@dataclass(frozen=True)
class Line:
    """What was found on a line, and which player answers there, where one does."""

    findings: list[Finding]
    device_id: bytes | None = None


def check_pattern(pattern: str) -> Finding:
    """Of a pattern that finds nobody."""
    sentence = f"{pattern}: finds no player at the moment"
    return wrong(f"players {pattern}", sentence, f"{_start_one(pattern)}, or correct the pattern", "device")


def check_line(address: str, courier_runs: bool) -> Line:
    """Ask the player at this address how it is."""
    part = f"player {address}"
    try:
        port = open_port(address)
    except PortBusy as error:
        if courier_runs:
            return Line([fine(part, "the courier that runs here talks to it")])
        return Line([wrong(part, str(error), "end what else talks to it (fuser shows what)", "device")])
    except PortMissing as error:
        return Line([wrong(part, str(error), _advice(address, error), "device")])
    try:
        result = hold(port, read_status, STATUS_WAIT_MS)
    except (PortError, ProtocolError) as error:
        advice = "look at its log (journalctl -u 'amos-player@*'); is it a player, and is the cable right?"
        if address.startswith("tcp:"):
            advice = "is a player, or a bridge to one, listening at that address and port, and is the wire right?"
        return Line([wrong(part, f"{address}: does not answer as a player: {error}", advice, "device")])
    finally:
        port.close()
    status = result[0] if isinstance(result, tuple) else None
    assert isinstance(status, Status)
    return Line(_state(part, status), status.device_id)


def _state(part: str, status: Status) -> list[Finding]:
    name = status.device_id.hex()[:8]
    said = f" ({printable(status.text)})" if status.text else ""
    if status.state == STATE_FAULT:
        return [wrong(part, f"{name}: in fault{said}", "look at its log (amos device logs), and start it anew")]
    if status.state == STATE_FULL:
        return [
            wrong(part, f"{name}: its storage is full{said}", "let the courier run until its segments are receipted")
        ]
    if OUTPUTS[status.output] == _OUTPUT_LOST:
        return [wrong(part, f"{name}: its audio device is gone{said}", "plug it in; aplay -L lists what is there")]
    sound = "sounds" if status.output == OUTPUT_OK else f"output {OUTPUTS[status.output]}"
    return [
        fine(part, f"{name}: {STATES[status.state]}, {sound}, {status.unsynced_ms // 60_000} min not receipted{said}")
    ]


def _advice(address: str, error: PortMissing) -> str:
    _kind, _colon, path = address.partition(":")
    cause = error.__cause__
    number = getattr(cause, "errno", None)
    if number == errno.EACCES or "not permitted" in str(error):
        group = _group_of(Path(path))
        return f"let the courier's user (this check ran as uid {os.geteuid()}) use it: add it to the group {group}"
    if number == errno.ECONNREFUSED:
        return "its player has ended: start it (systemctl start amos-player@NAME)"
    if address.startswith("serial:"):
        return "plug the player in, and name what /dev/serial/by-id has"
    return "start its player, or correct the path: `link` of the player's settings says where it listens"


def _start_one(pattern: str) -> str:
    if pattern.startswith("unix:"):
        return "start a player whose `link` is such a socket (systemctl start amos-player@NAME)"
    return "plug one in (/dev/serial/by-id has what is there)"


def _group_of(path: Path) -> str:
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (OSError, KeyError):
        return "that owns it (dialout, amos)"
