"""Lines to players: non-blocking, read in chunks, one holder at a time. `open_port` picks the kind by its address."""

from amos_sync.addresses import player_address
from amos_sync.descriptor_port import Port
from amos_sync.serial_port import open_serial
from amos_sync.unix_socket import open_unix


def open_port(address: str) -> Port:
    """Open `unix:PATH` or `serial:PATH`. Raises `PortMissing`, `PortBusy`, `SettingError`."""
    kind, _colon, path = player_address(address).partition(":")
    return open_unix(path) if kind == "unix" else open_serial(path)
