"""What the tests of boards share."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from boards_pack import PUBLISHER, make_pack

from amos.crypto import public_key


class FakePin:
    OUT = 1

    def __init__(self, number: int):
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FakePin) and other.number == self.number

    __hash__ = None  # type: ignore[assignment]


class FakeI2s:
    """`machine.I2S` as far as the player uses it; takes at most `piece` bytes a call."""

    TX, STEREO, MONO = 1, 1, 0
    made: "list[FakeI2s]" = []  # noqa: RUF012 (emptied by the fixture)

    def __init__(self, number: int, **told: Any):
        self.told = told | {"id": number}
        self.taken = bytearray()
        self.piece = 1 << 30
        self.fault: OSError | None = None
        self.open = True
        FakeI2s.made.append(self)

    def write(self, data: memoryview) -> int:
        if self.fault is not None:
            raise self.fault
        self.taken += data[: self.piece]
        return min(len(data), self.piece)

    def deinit(self) -> None:
        self.open = False


class FakeSpi:
    def __init__(self, number: int, **told: Any):
        self.told = told | {"id": number}


class FakeCard:
    def __init__(self, spi: FakeSpi, cs: FakePin, baudrate: int = 1320000):
        self.spi, self.cs, self.baudrate = spi, cs, baudrate


class FakeChannel:
    """A CDCInterface: gives what the courier sent, takes at most `room` bytes a call."""

    def __init__(self, **told: Any):
        self.told = told
        self.sent: list[bytes] = []
        self.taken = bytearray()
        self.room = 1 << 30

    def read(self, size: int) -> bytes | None:
        return self.sent.pop(0)[:size] if self.sent else None

    def write(self, data: memoryview) -> int:
        count = min(len(data), self.room)
        self.taken += data[:count]
        return count


class FakeUsb:
    def __init__(self) -> None:
        self.interfaces: list[FakeChannel] = []
        self.told: dict[str, Any] = {}

    def init(self, *interfaces: FakeChannel, **told: Any) -> None:
        self.interfaces += interfaces
        self.told = told


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A board's modules in this process: mounts and USB device are noted."""
    noted: dict[str, Any] = {"mounts": [], "usb": FakeUsb(), "i2s": FakeI2s.made}
    FakeI2s.made.clear()
    parts: dict[str, dict[str, Any]] = {
        "machine": {"I2S": FakeI2s, "Pin": FakePin, "SPI": FakeSpi},
        "sdcard": {"SDCard": FakeCard},
        "vfs": {"mount": lambda card, path: noted["mounts"].append((card, path))},
        "usb": {"__path__": []},
        "usb.device": {"get": lambda: noted["usb"], "__path__": []},
        "usb.device.cdc": {"CDCInterface": FakeChannel},
    }
    for name, content in parts.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("usb.device", "usb.device.cdc"):
        parent, _dot, child = name.rpartition(".")
        setattr(sys.modules[parent], child, sys.modules[name])
    yield noted


class StepClock:
    """A clock that a test moves; sleeping moves it too."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms

    def sleep_ms(self, duration_ms: int) -> None:
        self.ms += duration_ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StepClock:
    from amos.edges import i2s_out, usb_link

    stepped = StepClock()
    for module in (i2s_out, usb_link):
        monkeypatch.setattr(module, "sleep_ms", stepped.sleep_ms)
        monkeypatch.setattr(module, "SystemClock", lambda: stepped)
    return stepped


@pytest.fixture(scope="session")
def board_pack(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A pack of four voices, and its publisher's public key in hex."""
    return make_pack(tmp_path_factory.mktemp("pack"), voices=4), public_key(PUBLISHER).hex()
