"""mosquitto as a process, with what a test writes into its configuration."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from patience import wait_until

from amos_tools.demo.broker import free_port


@contextmanager
def mosquitto_with(command: list[str], folder: Path, text: str) -> Iterator[int]:
    """Its port, as long as it runs."""
    port = free_port()
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nuser root\n{text}")
    with subprocess.Popen([*command, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _listens(port), "mosquitto")
            yield port
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
