"""Addresses of players and of packs as operators write them, understood or refused with what to write. Pure."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from amos_mqtt.address import SCHEMES, shown
from amos_sync.errors import SettingError

SOCKET_PATH_BYTES_MAX = 107
"""Of `sun_path` in Linux, less the zero at its end."""


def player_address(text: str) -> str:
    """`unix:PATH` or `serial:PATH`, spaces around it aside. Raises `SettingError`."""
    address = text.strip()
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
    size = len(os.fsencode(path))
    if kind == "unix" and size > SOCKET_PATH_BYTES_MAX:
        raise SettingError(
            f"{expected}; a socket's path has at most {SOCKET_PATH_BYTES_MAX} bytes, and this one has {size}:"
            " have the player listen in a folder of a shorter name, as /run/amos"
        )
    return f"{kind}:{path}"


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
