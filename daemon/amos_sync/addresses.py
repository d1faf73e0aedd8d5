"""Addresses of players and of packs as operators write them, understood or refused with what to write. Pure."""

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from amos_mqtt.address import SCHEMES, shown
from amos_sync.errors import SettingError

SOCKET_PATH_BYTES_MAX = 107
"""Of `sun_path` in Linux, less the zero at its end."""


USB = "usb"
BAUD = 115_200
"""Of a UART where nothing else is said; USB and ptys run as fast as they can."""

BAUD_MIN, BAUD_MAX = 1200, 4_000_000

_BAUD = re.compile(r"(?P<path>.*),(?P<baud>[0-9]{1,9})")
_USB = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{4}")


def is_pattern(address: str) -> bool:
    """Whether it stands for any number of players."""
    return address.startswith(USB + ":") or (not address.startswith("tcp:") and bool(re.search(r"[*?]", address)))


def baud_of(rest: str) -> tuple[str, int | None]:
    """(the path, the speed that stands behind it or None)."""
    found = _BAUD.fullmatch(rest)
    return (found["path"], int(found["baud"])) if found else (rest, None)


def absolute(address: str) -> str:
    """The same player's address wherever it is read. Raises `SettingError`."""
    kind, _colon, path = player_address(address).partition(":")
    return f"{kind}:{Path(path).absolute()}" if kind in ("unix", "serial") else f"{kind}:{path}"


def tcp_of(rest: str) -> tuple[str, int]:
    """(IP address, port) of `ADDRESS:PORT`. Raises ValueError."""
    host, _colon, port = rest.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ValueError(rest)
    return str(ipaddress.ip_address(host)), int(port)


def player_address(text: str) -> str:
    """A player's address, or a pattern for several, spaces around it aside: `unix:PATH`, `serial:PATH[,BAUD]`,
    `tcp:ADDRESS:PORT`, `usb:VENDOR:PRODUCT[,BAUD]`; `*` and `?` in a path stand for any. Raises `SettingError`."""
    address = text.strip()
    if address.startswith(("tcp:", "usb:")):
        return _networked(address)
    expected = f"device {shown(address)}: expected unix:/path/to.sock or serial:/dev/ttyACM0"
    kind, colon, path = address.partition(":")
    if path.startswith("//") and kind in ("unix", "serial"):
        path = "/" + path.lstrip("/") if path.startswith("///") else path
    if address.startswith("/"):
        raise SettingError(f"{expected}; write {'serial' if address.startswith('/dev/') else 'unix'}:{address[:80]}")
    if not colon or kind not in ("unix", "serial") or not path:
        raise SettingError(expected)
    if path.startswith("//"):
        raise SettingError(f"{expected}, with one / before the path, or three")
    if path != path.strip() or not path.isprintable():
        raise SettingError(f"{expected}, without spaces around the path and without control characters")
    baud = baud_of(path)[1] if kind == "serial" else None
    if baud is not None and not BAUD_MIN <= baud <= BAUD_MAX:
        raise SettingError(f"{expected}; a speed behind the path is from {BAUD_MIN} to {BAUD_MAX} baud")
    size = len(os.fsencode(path))
    if kind == "unix" and size > SOCKET_PATH_BYTES_MAX:
        raise SettingError(
            f"{expected}; a socket's path has at most {SOCKET_PATH_BYTES_MAX} bytes, and this one has {size}:"
            " have the player listen in a folder of a shorter name, as /run/amos"
        )
    return f"{kind}:{path}"


def _networked(address: str) -> str:
    kind, _colon, rest = address.partition(":")
    if kind == USB:
        name, baud = baud_of(rest)
        if _USB.fullmatch(name) is None or (baud is not None and not BAUD_MIN <= baud <= BAUD_MAX):
            raise SettingError(f"device {shown(address)}: expected usb:VENDOR:PRODUCT, four hex digits each")
        return f"{kind}:{rest.lower()}"
    try:
        tcp_of(rest)
    except ValueError:
        # Not a name: looking one up waits, and would hold up every other player.
        raise SettingError(f"device {shown(address)}: expected tcp:ADDRESS:PORT with an IP address") from None
    return address


def pack_url(text: str) -> str:
    """The URL from which couriers can fetch a pack that a directive names. Raises `SettingError`."""
    place = packs_address(text)
    if isinstance(place, Path):
        expected = "expected http:// or https:// with a host: a folder is another at each venue"
        raise SettingError(f"place {shown(text)}: {expected}")
    return place


def packs_address(text: str) -> str | Path:
    """The URL of a web server, or a folder. Raises `SettingError`."""
    address = text.strip()
    expected = f"packs {shown(address)}: expected a folder, or http:// or https:// with a host"
    scheme = SCHEMES.match(address)
    if not address or not address.isprintable():
        raise SettingError(f"{expected}, without control characters")
    if scheme is None:
        return Path(address)
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  (reading it checks it)
    except ValueError:
        raise SettingError(expected) from None
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(unquote(parts.path))
    if "@" in address:
        visible = "a name and a password, which others see in the list of processes"
        raise SettingError(f"{expected}, without {visible}; an @ of a path is %40")
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in address:
        raise SettingError(expected)
    if parts.query or parts.fragment:
        raise SettingError(f"{expected}, without ? and #: the manifest's name is put behind it")
    return address
