"""mosquitto as a process, with what a test writes into its configuration; certificates and passwords for it."""

import base64
import hashlib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import trustme
from patience import wait_until

from amos_tools.demo.broker import free_port


class Authority:
    """Makes PEM files in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._ca, self._folder = trustme.CA(), folder
        self.ca = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca))

    def issue(self, file: str, name: str = "127.0.0.1", **dates: datetime) -> Path:
        path = self._folder / file
        issued = self._ca.issue_cert(name, **dates)  # type: ignore[arg-type]
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def broker(self, certificate: Path, more: str = "allow_anonymous true\n") -> str:
        return f"cafile {self.ca}\ncertfile {certificate}\nkeyfile {certificate}\n{more}"


def password_line(name: str, password: str) -> str:
    """A line of mosquitto's password file."""
    salt = b"0123456789ab"
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"{name}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


@contextmanager
def mosquitto_with(command: list[str], folder: Path, text: str) -> Iterator[int]:
    """Its port, as long as it runs."""
    port = free_port()
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nuser root\n{text}")
    with subprocess.Popen([*command, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: listens(port), "mosquitto")
            yield port
        finally:
            process.kill()


def listens(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
