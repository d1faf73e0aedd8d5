"""The player's ports: a pty that a courier opens like a serial port, and what happens when it stops reading."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from amos.edges import posix
from amos.edges.address import AddressError, LinkTaken
from amos.edges.link_ports import PtyPort, open_port
from amos.edges.socket_host import PEERS_MAX, SocketPort
from amos.edges.socket_peer_host import MIDDLE_MS, SETTLE_MS
from amos.protocol.frames import FrameReader, frame
from amos.protocol.limits import RESPONSE_BYTES_MAX
from amos.protocol.link import Request, decode_response
from amos.protocol.link_device import DeviceLink
from amos_tools.device.run import micropython_environment


class Flood:
    """A link that answers every byte with more than a line takes at once, and counts the bytes it was given."""

    within = False

    def __init__(self) -> None:
        self.served = 0

    def another(self) -> "Flood":
        return self

    def serve(self, data: bytes, start: int, write: Callable[[bytes], None]) -> int:
        self.served += 1
        write(b"x" * 1_000_000)
        return start + 1


class Echo:
    def serve(self, data: bytes, start: int, write: Callable[[bytes], None]) -> int:
        write(data[start:])
        return len(data)


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
    link = Flood()
    assert port.poll(link, 1000) and not any(port.poll(link, 0) for _poll in range(100))
    assert link.served == 1, "what does not read its answer is asked nothing more"
    read = 0
    os.set_blocking(courier, False)
    while link.served == 1:
        with contextlib.suppress(BlockingIOError):
            read += len(os.read(courier, 65536))
        port.poll(link, 1)
    assert read >= 900_000, "the next request waits for the whole answer to the first"
    os.close(courier)


def test_a_second_player_takes_the_name_over(tmp_path: Path) -> None:
    for _life in (1, 2):
        PtyPort(str(tmp_path / "serial"))
    assert os.path.islink(tmp_path / "serial") and os.path.exists(tmp_path / "serial")


def test_only_a_link_gives_way_to_a_pty_s_name(tmp_path: Path) -> None:
    (tmp_path / "serial").write_text("somebody's")
    with pytest.raises(OSError, match=r"link: expected one at pty:.*File exists"):
        open_port(f"pty:{tmp_path}/serial")
    assert (tmp_path / "serial").read_text() == "somebody's"


def test_a_socket_that_a_player_listens_on_stays_its_own(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/link.sock"
    port, link = open_port(address), DeviceLink(None)
    waiting = []
    for _ in range(8):  # more than are served at once
        with pytest.raises(LinkTaken, match="found a player that listens there; give each its own"):
            open_port(address)
        waiting.append(socket.socket(socket.AF_UNIX))
        waiting[-1].setblocking(False)
        with contextlib.suppress(BlockingIOError):
            waiting[-1].connect(f"{tmp_path}/link.sock")
    for peer in waiting:
        peer.close()
    while port.poll(link, 20):
        pass
    operator = socket.socket(socket.AF_UNIX)
    operator.connect(f"{tmp_path}/link.sock")
    operator.send(request(1))
    for _ in range(4):
        port.poll(link, 20)
    assert answers(operator) == [1]
    operator.close()
    port._listener.close()  # its process is gone, and the name has stayed
    open_port(address)


def test_a_file_is_not_taken_for_a_socket_that_somebody_left(tmp_path: Path) -> None:
    path = tmp_path / "link.sock"
    path.write_text("somebody's")
    with pytest.raises(LinkTaken, match="or a socket, found another file"):
        open_port(f"unix:{path}")
    assert path.read_text() == "somebody's"


@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
def test_a_line_that_a_killed_player_left_leads_to_its_successor(
    runtime: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "link.pty"
    path.symlink_to(tmp_path / "no terminal any more")
    if runtime == "cpython":
        port = open_port(f"pty:{path}")
        assert os.ttyname(port._fd) and path.readlink() != tmp_path / "no terminal any more"
        return
    words = [
        *request.getfixturevalue("micropython"),
        "-c",
        f"import amos.edges.link_ports as p; p.open_port('pty:{path}')",
    ]
    subprocess.run(words, check=True, env=micropython_environment())
    assert str(path.readlink()).startswith("/dev/pts/")


def test_a_file_is_not_taken_for_a_line_that_somebody_left(tmp_path: Path) -> None:
    path = tmp_path / "link.pty"
    path.write_text("somebody's")
    with pytest.raises(OSError, match="link: expected one at pty:"):
        open_port(f"pty:{path}")
    assert path.read_text() == "somebody's"


@pytest.mark.parametrize("kind", ["unix", "pty"])
def test_a_link_that_cannot_be_made_is_named(kind: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"link: expected one at {kind}:{tmp_path}/nowhere/link, found .*No such file"):
        open_port(f"{kind}:{tmp_path}/nowhere/link")


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


def request(number: int) -> bytes:
    return frame(Request(id=number, verb=99).encode())


def answers(peer: socket.socket) -> list[int]:
    return [decode_response(body).id for body in FrameReader(RESPONSE_BYTES_MAX).feed(peer.recv(4096))]


def test_a_socket_serves_two_peers_apart(tmp_path: Path) -> None:
    port, link = open_port(f"unix:{tmp_path}/link.sock"), DeviceLink(None)
    courier, operator = (socket.socket(socket.AF_UNIX) for _ in range(2))
    for peer in (courier, operator):
        peer.connect(f"{tmp_path}/link.sock")
    first = request(1)
    courier.send(first[:5])
    for _ in range(4):
        port.poll(link, 50)
    operator.send(request(2))
    port.poll(link, 1000)
    assert answers(operator) == [2]
    courier.send(first[5:])
    port.poll(link, 1000)
    assert answers(courier) == [1]
    courier.close()
    assert port.poll(link, 1000) and not port.poll(link, 0)
    operator.send(request(3))
    port.poll(link, 1000)
    assert answers(operator) == [3]
    operator.close()


def test_a_peer_that_stops_reading_does_not_stop_the_player(tmp_path: Path) -> None:
    port = open_port(f"unix:{tmp_path}/link.sock")
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(f"{tmp_path}/link.sock")
    peer.send(bytes(4000))
    link = Flood()
    while not link.served:
        port.poll(link, 50)
    assert not any(port.poll(link, 0) for _poll in range(100)) and link.served == 1
    peer.close()


def test_readable_waits_no_longer_than_told() -> None:
    reader, writer = os.pipe()
    assert not posix.readable(reader, 1)
    os.write(writer, b"x")
    assert posix.readable(reader, 1) and posix.read_some(reader, 10) == b"x"
    os.close(reader)
    os.close(writer)


class Ticks:
    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms


class Crowd:
    """A socket port with a clock that the test moves, and its peers."""

    def __init__(self, folder: Path) -> None:
        self.clock = Ticks()
        self.path = f"{folder}/link.sock"
        self.port = SocketPort(self.path, self.clock)  # type: ignore[arg-type]
        self.link = DeviceLink(None)

    def come(self, data: bytes = b"") -> socket.socket:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(self.path)
        peer.send(data)
        self.settle()
        return peer

    def settle(self) -> None:
        for _poll in range(20):
            self.port.poll(self.link, 0)

    def is_out(self, peer: socket.socket) -> bool:
        peer.setblocking(False)
        try:
            return peer.recv(1 << 16, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True


def test_the_peer_that_is_quiet_for_longest_makes_room_for_a_newcomer(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    peers = []
    for _peer in range(PEERS_MAX):
        peers.append(crowd.come())
        crowd.clock.ms += 10
    peers[0].send(request(1))
    crowd.settle()
    fifth = crowd.come(request(7))
    assert not any(crowd.is_out(peer) for peer in peers), "each is left a moment to say something"
    crowd.clock.ms += SETTLE_MS
    crowd.settle()
    assert answers(fifth) == [7]
    assert [crowd.is_out(peer) for peer in peers] == [False, True, False, False]


def test_a_peer_in_the_middle_of_a_frame_or_an_answer_stays_but_not_for_ever(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    half = request(3)
    middle = [crowd.come(half[:5]), crowd.come(half[:3])]
    unread = crowd.come(request(1) * 500)
    while unread_waits(crowd):
        unread.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            unread.send(request(1) * 500)
        crowd.settle()
    idle = crowd.come()
    crowd.clock.ms += SETTLE_MS
    fifth = crowd.come(request(7))
    assert answers(fifth) == [7] and crowd.is_out(idle), "of all, the one that is in the middle of nothing"
    assert not any(crowd.is_out(peer) for peer in [*middle, unread])
    middle[0].send(half[5:])
    crowd.settle()
    assert answers(middle[0]) == [3]
    for peer in (middle[0], fifth):
        peer.send(half[:4])
    crowd.settle()
    sixth = crowd.come(request(8))
    crowd.clock.ms += MIDDLE_MS
    crowd.settle()
    assert answers(sixth) == [8], "four that never end a frame lock nobody out"


def unread_waits(crowd: Crowd) -> bool:
    return not any(peer.line.unsent for peer in crowd.port._peers)


def test_peers_are_served_one_request_each_in_turn(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    greedy, modest = (socket.socket(socket.AF_UNIX) for _ in range(2))
    greedy.connect(crowd.path)
    greedy.send(b"".join(request(number) for number in range(1, 200)))
    modest.connect(crowd.path)
    modest.send(request(500))
    for _poll in range(6):  # two come, and each has two turns at most
        crowd.port.poll(crowd.link, 0)
    assert answers(modest) == [500] and len(answers(greedy)) <= 5
