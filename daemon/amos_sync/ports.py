"""Lines to players: non-blocking, read in chunks, one holder at a time. `open_port` picks the kind by its address."""

from collections.abc import Callable

from amos_mqtt.address import shown
from amos_sync.addresses import is_pattern, player_address
from amos_sync.descriptor_port import Port
from amos_sync.errors import SettingError
from amos_sync.serial_port import open_serial
from amos_sync.tcp_socket import open_tcp
from amos_sync.unix_socket import open_unix

_OPENERS: dict[str, Callable[[str], Port]] = {"unix": open_unix, "serial": open_serial, "tcp": open_tcp}


def open_port(address: str) -> Port:
    """Open the line to one player. Raises `PortMissing`, `PortBusy`, `SettingError`."""
    kind, _colon, rest = player_address(address).partition(":")
    if is_pattern(address):
        raise SettingError(f"device {shown(address)}: expected one player, and this may be several")
    return _OPENERS[kind](rest)
