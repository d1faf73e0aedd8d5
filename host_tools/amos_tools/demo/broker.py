"""The demo's MQTT broker: mosquitto when it is on PATH, else amqtt as a process of its own, else mosquitto fetched."""

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from amos_tools import toolchain
from amos_tools.demo.processes import DemoError, Process, Processes, is_root, wait_until

START_S = 15


LISTENING_PORTS = range(20_000, 32_000)
"""Below those that systems hand out to outgoing connections (Linux: 32768 and up), which could take it meanwhile."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at the moment. Raises `OSError` when all seem taken."""
    for _ in range(99):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", secrets.choice(LISTENING_PORTS)))
            return int(probe.getsockname()[1])
    raise OSError(errno.EADDRINUSE, "no free port found", f"127.0.0.1:{LISTENING_PORTS}")


def is_free(port: int) -> bool:
    """Whether nobody uses that TCP port of the loopback interface at the moment."""
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as its server does: a demo has just ended there
        probe.bind(("127.0.0.1", port))
        return True
    return False


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_broker(processes: Processes, folder: Path) -> tuple[str, int]:
    """(kind, port) of a running broker on loopback. Raises `DemoError`."""
    port = free_port()
    mosquitto = toolchain.mosquitto(on_path=find_spec("amqtt") is not None)
    if mosquitto is None and find_spec("amqtt") is None:
        raise DemoError(
            f"no broker: pip install 'amos[demo]', or apt install mosquitto ({toolchain.explain('mosquitto')})"
        )
    if mosquitto is not None:
        start_mosquitto(processes, mosquitto, folder, port)
        return "mosquitto", port
    process = processes.start("broker", [sys.executable, "-m", "amos_tools.demo.broker", str(port)])
    _wait_for(process, port)
    return "amqtt", port


def start_mosquitto(
    processes: Processes, program: list[str], folder: Path, port: int, more: Sequence[str] = ()
) -> Process:
    """Mosquitto, running on loopback, open to everybody; what it keeps is in `folder`, and `more` are further lines of
    its settings. Raises `DemoError`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {folder}/",
        *more,
    ]
    if is_root():
        lines.append("user root")  # else it becomes `mosquitto`, who may not write here
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join(lines) + "\n")
    process = processes.start("broker", [*program, "-c", str(configuration)])
    _wait_for(process, port)
    return process


def _wait_for(process: Process, port: int) -> None:
    wait_until(lambda: listens(port) or _failed(process), "a broker listening", START_S)


def _failed(process: Process) -> bool:
    if process.ended() is not None:
        raise DemoError(f"the broker ended: {process.last_words()}")
    return False


async def _serve_amqtt(port: int) -> None:
    from amqtt.broker import Broker

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    # It logs a traceback for every client that goes away without a word, our own probe included.
    logging.basicConfig(level=logging.CRITICAL)
    asyncio.run(_serve_amqtt(int(sys.argv[1])))
