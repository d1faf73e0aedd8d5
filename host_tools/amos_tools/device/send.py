"""Send a pack by hand to a running player, with progress."""

from collections.abc import Callable, Generator
from pathlib import Path

from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.link import Response
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_pack import PackToSend, SendPack
from amos.protocol.link_courier_talk import Pause
from amos_tools.device.call import DeviceError, converse

STEP_BYTES = 1 << 18
"""Between two looks at the progress."""

Progress = Callable[[int, int], None]


class FolderPack:
    """A pack in a folder, read as it is sent. Raises `DeviceError`, `ProtocolError`."""

    def __init__(self, folder: Path):
        self._folder = folder
        try:
            with (folder / "manifest.cose").open("rb") as file:
                self.pack = PackToSend(file.read(MANIFEST_BYTES_MAX + 1))
        except OSError as error:
            raise DeviceError(f"{folder}: expected a pack, found {error.strerror or error}") from None

    def read(self, sha256: bytes, offset: int, length: int) -> bytes:
        """Some bytes of a blob; fewer where it ends."""
        try:
            with (self._folder / "blobs" / sha256.hex()).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise DeviceError(f"{self._folder}: blob {sha256.hex()[:16]}: {error.strerror or error}") from None

    def path(self, sha256: bytes) -> bytes:
        """Where a blob lies."""
        return bytes((self._folder / "blobs" / sha256.hex()).absolute())


def send_pack(address: str, folder: Path, progress: Progress, wait_s: float = 0) -> int:
    """Bring the pack in `folder` to the player at `address`, and have it played from the next section on.

    Calls `progress(bytes there, bytes in all)`; returns how many bytes had to be sent. Raises `DeviceError`,
    `ProtocolError`.
    """
    found = FolderPack(folder)
    sent = 0

    def steps(link: CourierLink) -> Generator[Ticket | Pause, Response | None, None]:
        nonlocal sent
        sending = SendPack(link, found.pack, found.read, found.path)
        while not (yield from sending.some(STEP_BYTES)):
            progress(sending.here_bytes, found.pack.size_bytes)
        progress(found.pack.size_bytes, found.pack.size_bytes)
        sent = sending.sent_bytes

    converse(address, steps, wait_s)
    return sent
