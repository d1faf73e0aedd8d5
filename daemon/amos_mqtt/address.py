"""Addresses as operators write them: what they may mean is understood, all else refused with what to write. Pure.

A password in an address stands in the list of processes for everybody to read, so it is refused, and never repeated.
"""

import re

SCHEMES = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
SHOWN_MAX = 80

HOST_CHARACTERS_MAX = 253
"""Of a name in DNS (RFC 1035)."""


class AddressError(Exception):
    """It is none; the message goes on from what it is an address of."""


def shown(text: str) -> str:
    """The text for a sentence: without what may be a name and a password, and not longer than people read."""
    if "@" in text:
        text = "...@" + text.rpartition("@")[2]
    return repr(text[:SHOWN_MAX])


def listening_at(text: str, default_port: int) -> tuple[str, int]:
    """Where to listen: as `host_and_port`, and HOST:0 leaves the port to the system. Raises `AddressError`."""
    return (text.removesuffix(":0"), 0) if text.endswith(":0") else host_and_port(text, default_port)


def host_and_port(text: str, default_port: int) -> tuple[str, int]:
    """Of HOST, HOST:PORT or [IPV6]:PORT, spaces around it aside. Raises `AddressError`."""
    address = text.strip()
    expected = "expected HOST or HOST:PORT"
    if "@" in address:
        raise AddressError(
            f"{expected} without a name and a password, which others see in the list of processes; found"
            f" {shown(address)}: the command has options of their own for them (--username, --password-file), or none"
        )
    scheme = SCHEMES.match(address)
    if scheme is not None:
        rest = address[scheme.end() :].split("/")[0]
        secure = ", with --tls-ca FILE" if scheme[1].lower() in ("mqtts", "ssl", "tls", "wss", "https") else ""
        raise AddressError(f"{expected}, found the URL {shown(address)}; write {rest[:SHOWN_MAX] or 'HOST'}{secure}")
    if "/" in address or "\\" in address:
        raise AddressError(f"{expected}, found a path: {shown(address)}; the broker has to listen at a port")
    host, colon, port = address.rpartition(":")
    if not colon or (address.count(":") > 1 and "]" not in address) or address.endswith("]"):
        host, port = address, str(default_port)
    host = host.strip("[]")
    if not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port[:6]) <= 65535:
        raise AddressError(f"{expected}, found {shown(address)}")
    if len(host) > HOST_CHARACTERS_MAX or not all(letter.isalnum() or letter in "._-%:" for letter in host):
        raise AddressError(f"{expected}, found {shown(address)}; a host's name has letters, digits, dots and -")
    return host, int(port)
