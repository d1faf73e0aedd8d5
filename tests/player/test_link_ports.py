"""The player's ports: a pty that a courier opens like a serial port, and what happens when it stops reading."""

import os
import time
from pathlib import Path

import pytest

from amos.edges import posix
from amos.edges.address import AddressError
from amos.edges.link_ports import PtyPort, open_port
from amos.protocol.link_device import DeviceLink


class Flood:
    """A link that answers every byte with far too much."""

    def feed(self, data: bytes) -> bytes:
        return b"x" * 10_000 * len(data)


class Echo:
    def feed(self, data: bytes) -> bytes:
        return data


def test_a_pty_carries_every_byte_value_both_ways(tmp_path: Path) -> None:
    port = PtyPort(str(tmp_path / "serial"))
    courier = os.open(tmp_path / "serial", os.O_RDWR | os.O_NOCTTY)
    every = bytes(range(256))
    os.write(courier, every)
    assert port.poll(Echo(), 1000)
    assert os.read(courier, 1024) == every
    assert not port.poll(Echo(), 0)
    os.close(courier)
    assert not port.poll(Echo(), 0)


def test_a_courier_that_stops_reading_does_not_stop_the_player(tmp_path: Path) -> None:
    port = PtyPort(str(tmp_path / "serial"))
    courier = os.open(tmp_path / "serial", os.O_RDWR | os.O_NOCTTY)
    os.write(courier, b"some requests")
    started = time.monotonic()
    assert port.poll(Flood(), 1000)
    assert time.monotonic() - started < 5
    os.close(courier)


def test_a_second_player_takes_the_name_over(tmp_path: Path) -> None:
    for _life in (1, 2):
        PtyPort(str(tmp_path / "serial"))
    assert os.path.islink(tmp_path / "serial") and os.path.exists(tmp_path / "serial")


def test_garbage_on_the_line_is_answered_by_name_and_harms_nothing(tmp_path: Path) -> None:
    port = PtyPort(str(tmp_path / "serial"))
    courier = os.open(tmp_path / "serial", os.O_RDWR | os.O_NOCTTY)
    link = DeviceLink(None)
    os.write(courier, os.urandom(300) + b"\x00")
    while port.poll(link, 20):
        pass
    assert link.damaged >= 1 and os.read(courier, 4096)
    os.close(courier)


@pytest.mark.parametrize("address", ["", "pty:", "unix:", "tcp:host", "serial:/dev/x"])
def test_an_unknown_port_is_refused_by_name(address: str) -> None:
    with pytest.raises(AddressError, match="expected pty:PATH"):
        open_port(address)


def test_readable_waits_no_longer_than_told() -> None:
    reader, writer = os.pipe()
    assert not posix.readable(reader, 1)
    os.write(writer, b"x")
    assert posix.readable(reader, 1) and posix.read_some(reader, 10) == b"x"
    os.close(reader)
    os.close(writer)
