"""Where the broker is, and how to speak to it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from amos_mqtt.address import AddressError, host_and_port

PORT, TLS_PORT = 1883, 8883

LEVEL_NAMES = {5: "MQTT 5", 4: "MQTT 3.1.1"}
LEVELS = {"auto": (5, 4), "5": (5,), "3.1.1": (4,)}
"""Setting -> levels to try, in turn."""

PASSWORD_BYTES_MAX = 65_535
"""MQTT's own bound."""


class BrokerSettingError(Exception):
    """An address that is none, or a private key without its certificate."""


class TlsFileError(BrokerSettingError):
    """A TLS file that is there, and is none."""

    exit_code = 1


class PasswordFileError(BrokerSettingError):
    """A password's file that holds none, or cannot be read."""

    exit_code = 1


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: the authority that vouches for the broker (None: those that the system trusts), and our own."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What the files say at this moment. Raises `TlsFileError`."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                # A key with a passphrase would ask at the terminal, which a daemon does not have.
                context.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ValueError) as error:  # `ssl.SSLError` is an OSError; neither says which file
            named = ", ".join(str(path) for path in (self.ca, self.certificate, self.key) if path is not None)
            sentence = f"TLS: expected PEM files that belong together in {named}, found others"
            raise TlsFileError(sentence) from error
        return context


@dataclass(frozen=True)
class Login:
    """A name, and the file whose first line is its password."""

    name: str
    password_file: Path | None = None

    def password(self) -> str | None:
        """What the file says at this moment. Raises `PasswordFileError`."""
        if self.password_file is None:
            return None
        try:
            with self.password_file.open("rb") as file:
                line = file.read(PASSWORD_BYTES_MAX + 1).split(b"\n")[0].rstrip(b"\r")
            password = line.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise PasswordFileError(f"{self.password_file}: expected a password, found nothing to read") from error
        if not password or len(line) > PASSWORD_BYTES_MAX:
            raise PasswordFileError(f"{self.password_file}: expected a password in the first line, found none")
        return password


@dataclass(frozen=True)
class Broker:
    """`levels` are the protocol levels to try, in turn: 5 is MQTT 5, 4 is MQTT 3.1.1. `tls` is None without TLS.

    The files of `tls` and `login` are read anew for each connection, so that a rotated certificate needs no restart.
    """

    host: str
    port: int
    levels: tuple[int, ...] = LEVELS["auto"]
    tls: TlsFiles | None = None
    login: Login | None = None

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def broker_at(
    address: str,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    levels: tuple[int, ...] = LEVELS["auto"],
    login: Login | None = None,
) -> Broker:
    """The broker at HOST, HOST:PORT or [IPV6]:PORT; over TLS, its certificate and name checked, with a CA or a
    certificate of our own. Files that are of no use at this moment are refused. Raises `BrokerSettingError`."""
    if key is not None and certificate is None:
        raise BrokerSettingError("TLS: expected a certificate with the private key")
    tls = None if ca is None and certificate is None else TlsFiles(ca, certificate, key)
    if tls is not None:
        tls.context()
    if login is not None:
        login.password()
    try:
        host, port = host_and_port(address, PORT if tls is None else TLS_PORT)
    except AddressError as error:
        raise BrokerSettingError(f"broker: {error}") from None
    return Broker(host, port, levels, tls, login)


def broker_of(
    address: str,
    version: str,
    tls: tuple[Path | None, Path | None, Path | None],
    username: str | None,
    password_file: Path | None,
) -> Broker:
    """The broker as options name it: `version` is a key of `LEVELS`, `tls` are CA, certificate and key."""
    if version not in LEVELS:
        raise BrokerSettingError(f"MQTT version {version!r}: expected {', '.join(LEVELS)}")
    if username is None and password_file is not None:
        raise BrokerSettingError("broker: expected a user name with the password")
    login = None if username is None else Login(username, password_file)
    return broker_at(address, *tls, LEVELS[version], login)
