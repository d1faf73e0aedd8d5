"""Brokers, ledgers, packs and a board for provisioning."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "sync"))
sys.path.append(str(Path(__file__).parents[1] / "boards"))

from board_standin import PackageIndex, StandInBoard
from boards_pack import PUBLISHER, make_pack
from sync_brokers import AmqttBroker, MosquittoBroker, TestBroker

from amos import crypto
from amos.edges.key_store import load_or_make_seed
from amos_ledger.folder import Folder, init_folder
from amos_tools.firmware_build import ARMHF, build_firmware


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestBroker]:
    """Each of the two brokers: one speaks MQTT 5, one only 3.1.1."""
    if request.param == "mosquitto":
        started: TestBroker = MosquittoBroker(request.getfixturevalue("mosquitto"), tmp_path)
    else:
        started = AmqttBroker()
    yield started
    started.stop()


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    made = PackageIndex()
    yield made
    made.stop()


@pytest.fixture
def board(tmp_path: Path, micropython_armhf: list[str]) -> Iterator[StandInBoard]:
    """A Pico 2 W: the firmware is compiled for its processor, which the 32-bit ARM build runs."""
    made = StandInBoard(tmp_path / "board", micropython_armhf)
    yield made
    made.stop()


@pytest.fixture
def flashed(board: StandInBoard) -> StandInBoard:
    """The same with its firmware, which takes half a minute to copy through a prompt."""
    build_firmware(board.flash, ARMHF)
    return board


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of four voices by the publisher of `ledger`."""
    return make_pack(tmp_path_factory.mktemp("pack"), voices=4)


@pytest.fixture
def operator(tmp_path: Path) -> Path:
    """The operator's key file."""
    path = tmp_path / "operator.key"
    load_or_make_seed(str(path))
    return path


@pytest.fixture
def ledger(tmp_path: Path, operator: Path) -> Folder:
    """A ledger that trusts that operator."""
    key = crypto.public_key(operator.read_bytes())
    return init_folder(tmp_path / "ledger", "ledger.example/amos", key, crypto.public_key(PUBLISHER))
