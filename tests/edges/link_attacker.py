"""What a peer of the player's link can do to starve it: `link_attacker.py ATTACK LINE`, until it is killed.

LINE is the path of a Unix socket, or of a pty's slave. Each attack is a function of `ATTACKS`.
"""

import contextlib
import os
import random
import select
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator

from amos.protocol.frames import frame
from amos.protocol.limits import PUT_CHUNK_BYTES_MAX
from amos.protocol.link import BEGIN, BLOB_MANIFEST, CHALLENGE, IDENTIFY, INPUT, PUT, SET_TIER, STATUS, Request
from amos.score.inputs import INPUT_SKIP, INPUT_VOLUME

PEERS = 4
BURST = 200
RANDOM = random.Random(5)


def connected(line: str) -> int:
    """A descriptor of the line, which does not wait."""
    if stat.S_ISSOCK(os.stat(line).st_mode):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(line)
        peer.setblocking(False)
        return peer.detach()
    return os.open(line, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


class Hose:
    """Sends what `pieces` gives, as fast as the line takes it; comes back when it is thrown out."""

    def __init__(self, line: str, pieces: Iterator[bytes], reads: bool = True):
        self._line = line
        self._pieces = pieces
        self._reads = reads
        self._left = b""
        self.fd = connected(line)

    def move(self) -> None:
        try:
            if self._reads:
                with contextlib.suppress(BlockingIOError):
                    if not os.read(self.fd, 1 << 16):
                        raise ConnectionResetError
            self._left = self._left or next(self._pieces)
            self._left = self._left[os.write(self.fd, self._left) :]
        except BlockingIOError:
            pass
        except OSError:
            with contextlib.suppress(OSError):
                os.close(self.fd)
            self.fd, self._left = connected(self._line), b""


def stream(hoses: list[Hose]) -> None:
    while True:
        select.select([], [hose.fd for hose in hoses], [], 0.01)
        for hose in hoses:
            hose.move()


def wires(make: Callable[[], Iterable[Request]]) -> Iterator[bytes]:
    while True:
        yield b"".join(frame(request.encode()) for request in make())


def repeated(**fields: object) -> Iterator[bytes]:
    return wires(lambda: [Request(id=1, **fields)] * BURST)  # type: ignore[arg-type]


def half_sent() -> list[Request]:
    data = RANDOM.randbytes(PUT_CHUNK_BYTES_MAX)
    sizes = {"kind": BLOB_MANIFEST, "size": 4 * len(data), "sha256": RANDOM.randbytes(32)}
    return [Request(id=1, verb=BEGIN, **sizes), Request(id=2, verb=PUT, offset=0, data=data)]  # type: ignore[arg-type]


def inputs() -> list[Request]:
    fresh = [RANDOM.randbytes(16) for _ in range(9)]
    return [Request(id=1, verb=INPUT, nonce=nonce, kind=INPUT_SKIP, value=0) for nonce in fresh]


def positions() -> list[Request]:
    """Of a volume that is turned without end: none is refused, and the last of each moment is heard in its turn."""
    values = [RANDOM.randrange(1, 32768) for _ in range(9)]
    nonces = [RANDOM.randbytes(16) for _ in values]
    return [
        Request(id=1, verb=INPUT, nonce=nonce, kind=INPUT_VOLUME, value=value)
        for nonce, value in zip(nonces, values, strict=True)
    ]


def garbage() -> Iterator[bytes]:
    while True:
        yield RANDOM.randbytes(4096) + bytes(64) + b"\x01\x00" * 1000


def status() -> Iterator[bytes]:
    return repeated(verb=STATUS)


def held(line: str, count: int, first: bytes) -> None:
    """Peers that say so much and nothing more; they come back when they are thrown out."""
    peers = [connected(line) for _ in range(count)]
    for peer in peers:
        os.write(peer, first)
    while True:
        gone, _writable, _failed = select.select(peers, [], [])
        for peer in gone:
            with contextlib.suppress(OSError):
                if os.read(peer, 1 << 16):
                    continue
            peers.remove(peer)
            os.close(peer)
            peers.append(connected(line))
            os.write(peers[-1], first)


def come_and_go(line: str) -> None:
    while True:
        os.close(connected(line))
        time.sleep(0.0005)


def tiers() -> Iterator[bytes]:
    return wires(lambda: [Request(id=1, verb=SET_TIER, value=value) for value in (1, 2)])


ATTACKS: dict[str, Callable[[str], None]] = {
    "pipelined status": lambda line: stream([Hose(line, status())]),
    "pipelined identify": lambda line: stream([Hose(line, repeated(verb=IDENTIFY, nonce=bytes(16)))]),
    "pipelined challenge": lambda line: stream([Hose(line, repeated(verb=CHALLENGE))]),
    "pipelined inputs": lambda line: stream([Hose(line, wires(inputs))]),
    "dragged sliders": lambda line: stream([Hose(line, wires(positions))]),
    "tier to and fro": lambda line: stream([Hose(line, tiers())]),
    "answers never read": lambda line: stream([Hose(line, status(), reads=False)]),
    "garbage": lambda line: stream([Hose(line, garbage())]),
    "half-sent blobs": lambda line: stream([Hose(line, wires(half_sent))]),
    "four that pipeline": lambda line: stream([Hose(line, status()) for _ in range(PEERS)]),
    "four idle": lambda line: held(line, PEERS, b""),
    "four in mid-frame": lambda line: held(line, PEERS, b"\x07half"),
    "come and go": come_and_go,
}

if __name__ == "__main__":
    ATTACKS[sys.argv[1]](sys.argv[2])
