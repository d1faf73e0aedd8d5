"""What the tests of the courier share; their helpers import each other by plain name."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from sync_brokers import AmqttBroker, MosquittoBroker, TestBroker

from amos_tools import toolchain


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBroker]:
    """mosquitto where there is one (MQTT 5), else the built-in broker."""
    command = toolchain.mosquitto()
    if command:
        started: TestBroker = MosquittoBroker(command, tmp_path_factory.mktemp("mosquitto"))
    else:
        started = AmqttBroker()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def old_broker() -> Iterator[TestBroker]:
    """A broker that knows MQTT 3.1.1 only, and leaves an MQTT 5 CONNECT unanswered."""
    started = AmqttBroker()
    yield started
    started.stop()
