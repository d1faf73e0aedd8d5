"""Players that patterns find: a folder of sockets, names by udev, USB ids; and neighbours that are slow or lie."""

import hashlib
import os
import socket
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import Patience
from sync_brokers import TestBroker
from sync_ledgers import FakeLedger, truthful
from sync_players import FakePlayer, PlayerThread, sealed

from amos_mqtt.broker import Broker
from amos_sync.addresses import player_address
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.errors import PortMissing, SettingError
from amos_sync.limits import ROSTER_LOOK_MS
from amos_sync.notes import Notes
from amos_sync.ports import open_port
from amos_sync.roster import Roster


@dataclass
class Line:
    """As pyserial tells of a serial line."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    location: str | None


def seed_of(folder: Path, name: str) -> bytes:
    return hashlib.sha256(name.encode() + os.fsencode(folder)).digest()


class Counter:
    """A shop counter: players come and go while the courier runs."""

    def __init__(self, folder: Path, port: int, *addresses: str) -> None:
        self.said: list[str] = []
        self.folder = folder
        broker = Broker("127.0.0.1", port)
        self.courier = Courier(Settings("cafe", addresses, broker, folder / "spool"), Notes(self.said.append))
        self.players: list[PlayerThread] = []

    def player(self, kind: str, name: str, count: int = 3) -> PlayerThread:
        seed = seed_of(self.folder, name)
        self.players.append(PlayerThread(FakePlayer(seed, sealed(seed, count)), f"{kind}:{self.folder}/{name}"))
        return self.players[-1]

    def run(self, until: Callable[[], bool]) -> None:
        patience = Patience()
        while not until():
            assert patience.lasts(), "\n".join([*self.courier.missing(), *self.said])
            self.courier.turn(50)

    def addresses(self) -> list[str]:
        return [device.address for device in self.courier.devices]

    def end(self) -> None:
        self.courier.close()
        for line in self.players:
            line.stop()


@pytest.fixture
def ledger(broker: TestBroker, tmp_path: Path) -> Iterator[FakeLedger]:
    players = [FakePlayer(seed_of(tmp_path, name), []) for name in ("a.sock", "b.sock", "amos-1", "good")]
    started = FakeLedger(broker.port, {player.device_id: player.public_key for player in players}, truthful)
    yield started
    started.stop()


@pytest.fixture
def counter(broker: TestBroker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Counter]:
    counter = Counter(tmp_path, broker.port, *(text.format(tmp_path) for text in request.param))
    yield counter
    counter.end()


@pytest.mark.parametrize("counter", [["unix:{}/*.sock", "serial:{}/amos-*,921600"]], indirect=True)
def test_players_come_and_go_without_a_restart(counter: Counter, ledger: FakeLedger) -> None:
    counter.run(lambda: len(counter.courier.missing()) >= 2)
    assert counter.addresses() == [] and not counter.courier.idle
    first = counter.player("unix", "a.sock")
    counter.run(lambda: not first.player.segments)
    on_serial = counter.player("serial", "amos-1")
    second = counter.player("unix", "b.sock")
    counter.run(lambda: not second.player.segments and not on_serial.player.segments)
    counter.run(lambda: counter.courier.idle)
    assert len(counter.addresses()) == 3 and len(ledger.segments) == 9
    first.stop()
    counter.run(lambda: len(counter.addresses()) == 2)
    assert f"unix:{counter.folder}/b.sock" in counter.addresses()


def flood(folder: Path, stopping: threading.Event) -> None:
    """Whoever connects gets noise without end, and nothing is read."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "flood"))
        listener.listen(4)
        listener.settimeout(0.05)
        noise = os.urandom(1 << 16)
        while not stopping.is_set():
            with suppress(TimeoutError, OSError):
                peer, _address = listener.accept()
                peer.settimeout(0.05)
                with peer:
                    while not stopping.is_set():
                        with suppress(TimeoutError):
                            peer.sendall(noise)


@pytest.mark.parametrize(
    "counter", [["unix:{}/mute", "unix:{}/flood", "unix:{}/good", "unix:{}/absent"]], indirect=True
)
def test_a_slow_or_lying_player_holds_up_no_other(counter: Counter, ledger: FakeLedger) -> None:
    mute = socket.socket(socket.AF_UNIX)
    mute.bind(str(counter.folder / "mute"))
    mute.listen(4)
    stopping = threading.Event()
    flooding = threading.Thread(target=flood, args=(counter.folder, stopping))
    flooding.start()
    try:
        good = counter.player("unix", "good", 20)
        counter.run(lambda: not good.player.segments)
    finally:
        stopping.set()
        flooding.join(10)
        mute.close()
    assert len(ledger.segments) == 20


def test_a_player_behind_tcp(broker: TestBroker, ledger: FakeLedger, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        counter = Counter(tmp_path, broker.port, f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        line = counter.player("unix", "good")
        joined = threading.Thread(target=join, args=(listener, tmp_path / "good"), daemon=True)
        joined.start()
        try:
            counter.run(lambda: not line.player.segments)
        finally:
            counter.end()
    assert len(ledger.segments) == 3


def join(listener: socket.socket, path: Path) -> None:
    """One TCP connection and a player's socket, as one line."""
    peer, _address = listener.accept()
    player = socket.socket(socket.AF_UNIX)
    player.connect(str(path))

    def pass_on(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(4096):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=pass_on, args=(player, peer), daemon=True)
    back.start()
    pass_on(peer, player)
    back.join(10)
    peer.close()
    player.close()


def test_tcp_where_nobody_listens_waits_for_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with suppress(PortMissing):
        open_port(f"tcp:127.0.0.1:{port}").close()


def test_usb_by_vendor_and_product() -> None:
    lines = [
        Line("/dev/ttyACM1", 0x2E8A, 5, "A", "1-1:1.2"),
        Line("/dev/ttyACM0", 0x2E8A, 5, "A", "1-1:1.0"),
        Line("/dev/ttyACM2", 0x2E8A, 5, "B", "1-2:1.0"),
        Line("/dev/ttyUSB0", 0x1A86, 0x7523, None, None),
    ]
    roster = Roster(["usb:2e8a:0005,921600", "serial:/dev/ttyS9"], lambda: lines)
    assert roster.look(0)
    assert roster.present == ["serial:/dev/ttyS9", "serial:/dev/ttyACM1,921600", "serial:/dev/ttyACM2,921600"]
    del lines[2]
    assert not roster.look(ROSTER_LOOK_MS - 1) and roster.look(ROSTER_LOOK_MS)
    assert roster.present == ["serial:/dev/ttyS9", "serial:/dev/ttyACM1,921600"]


def test_a_line_of_two_names_is_one_player(tmp_path: Path) -> None:
    (tmp_path / "ttyACM0").touch()
    for name in ("usb-amos_1-if02", "usb-amos_1-port"):
        (tmp_path / name).symlink_to("ttyACM0")
    named = f"serial:{tmp_path}/ttyACM0"
    for addresses, present in (
        ([f"serial:{tmp_path}/usb-amos*"], [f"serial:{tmp_path}/usb-amos_1-if02"]),
        ([f"serial:{tmp_path}/usb-amos*", named], [named]),
    ):
        roster = Roster(addresses)
        roster.look(0)
        assert roster.present == present


@pytest.mark.parametrize(("behind", "speed"), [("", termios.B115200), (",921600", termios.B921600)])
def test_the_speed_of_a_line(behind: str, speed: int) -> None:
    master, slave = os.openpty()
    try:
        port = open_port(f"serial:{os.ttyname(slave)}{behind}")
        assert termios.tcgetattr(port.fileno())[4:6] == [speed, speed]
        port.close()
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp:player.example:7000", "with an IP address"),
        ("tcp:127.0.0.1", "with an IP address"),
        ("tcp:127.0.0.1:0", "with an IP address"),
        ("usb:2e8a", "usb:VENDOR:PRODUCT"),
        ("usb:2e8a:0005,5", "usb:VENDOR:PRODUCT"),
        ("serial:/dev/ttyS0,5", "from 1200 to 4000000 baud"),
    ],
)
def test_addresses_that_have_no_meaning(address: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        player_address(address)


def test_a_pattern_is_no_single_player() -> None:
    with pytest.raises(SettingError, match="this may be several"):
        open_port("unix:/run/amos/*/link.sock")
