"""Lines to players: non-blocking, read in chunks, one holder at a time. `open_port` picks the kind by its address."""

from amos_sync.descriptor_port import Port
from amos_sync.errors import SettingError
from amos_sync.serial_port import open_serial
from amos_sync.unix_socket import open_unix


def check_address(address: str) -> str:
    """The address, if `open_port` knows its kind. Raises `SettingError`."""
    kind, colon, path = address.partition(":")
    if not colon or kind not in ("unix", "serial") or not path:
        raise SettingError(f"device {address!r}: expected unix:/path/to.sock or serial:/dev/ttyACM0")
    return address


def open_port(address: str) -> Port:
    """Open `unix:PATH` or `serial:PATH`. Raises `PortMissing`, `PortBusy`, `SettingError`."""
    kind, _colon, path = check_address(address).partition(":")
    return open_unix(path) if kind == "unix" else open_serial(path)
