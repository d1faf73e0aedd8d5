"""Real brokers for the tests: mosquitto as a process, amqtt on a thread."""

import asyncio
import logging
import socket
import subprocess
import threading
from pathlib import Path
from typing import Protocol

from amqtt.broker import Broker
from patience import wait_until

from amos_tools.demo.broker import free_port


class TestBroker(Protocol):
    """A running broker on 127.0.0.1."""

    __test__ = False
    port: int

    def stop(self) -> None: ...


class MosquittoBroker:
    """mosquitto, started by `command`, and startable again at the same port."""

    def __init__(self, command: list[str], folder: Path, port: int = 0):
        self.port = port or free_port()
        configuration = folder / "mosquitto.conf"
        configuration.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        self._process = subprocess.Popen([*command, "-c", str(configuration)], stderr=subprocess.DEVNULL)
        wait_for_port(self.port)
        assert self._process.poll() is None, "mosquitto has ended; another listens there"

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


class AmqttBroker:
    """amqtt on a thread of its own."""

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self._loop = asyncio.new_event_loop()
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._loop.set_exception_handler(lambda _loop, _context: None)  # it stumbles over what clients do
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._broker = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)
        wait_for_port(self.port)

    async def _start(self) -> Broker:
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await broker.start()
        return broker

    def stop(self) -> None:
        """Shut the broker down."""
        asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)


def wait_for_port(port: int) -> None:
    """Until something listens."""

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, lambda: f"nothing listens on {port}")
