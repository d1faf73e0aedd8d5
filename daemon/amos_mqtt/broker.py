"""Where the broker is, and how to speak to it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

PORT, TLS_PORT = 1883, 8883

LEVEL_NAMES = {5: "MQTT 5", 4: "MQTT 3.1.1"}
LEVELS = {"auto": (5, 4), "5": (5,), "3.1.1": (4,)}
"""Setting -> levels to try, in turn."""


class BrokerSettingError(Exception):
    """An address that is none, or a private key without its certificate."""


class TlsFileError(BrokerSettingError):
    """A TLS file that is there, and is none."""

    exit_code = 1


@dataclass(frozen=True)
class Broker:
    """`levels` are the protocol levels to try, in turn: 5 is MQTT 5, 4 is MQTT 3.1.1. `tls` is None without TLS."""

    host: str
    port: int
    levels: tuple[int, ...] = LEVELS["auto"]
    tls: ssl.SSLContext | None = None

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def unreachable(self) -> str:
        """For people, who are not told which of the two it is: the client library does not say."""
        return "cannot be reached" if self.tls is None else "cannot be reached, or one certificate is not trusted"


def broker_at(
    address: str,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    levels: tuple[int, ...] = LEVELS["auto"],
) -> Broker:
    """The broker at HOST, HOST:PORT or [IPV6]:PORT; over TLS, its certificate and name checked, with a CA or a
    certificate of our own. The files (PEM) are read now and not again. Raises `BrokerSettingError`."""
    tls = _context(ca, certificate, key)
    host, port = _parsed(address, PORT if tls is None else TLS_PORT)
    return Broker(host, port, levels, tls)


def _context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if key is not None and certificate is None:
        raise BrokerSettingError("TLS: expected a certificate with the private key")
    if ca is None and certificate is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except OSError as error:  # `ssl.SSLError` is one; neither says which file
        named = ", ".join(str(path) for path in (ca, certificate, key) if path is not None)
        raise TlsFileError(f"TLS: expected PEM files that belong together in {named}, found others") from error
    return context


def _parsed(address: str, default_port: int) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or (address.count(":") > 1 and "]" not in address) or address.endswith("]"):
        host, port = address, str(default_port)
    host = host.strip("[]")
    if not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port[:6]) <= 65535:
        raise BrokerSettingError(f"broker: expected HOST or HOST:PORT, found {address[:80]!r}")
    return host, int(port)
