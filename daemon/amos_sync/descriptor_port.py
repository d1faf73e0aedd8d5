"""A port to a player over a non-blocking file descriptor: read in chunks, keep what the line does not take."""

import os
from typing import Protocol

from amos_sync.errors import PortGone
from amos_sync.limits import READ_BYTES_MAX, WRITE_BYTES_MAX


class Port(Protocol):
    """An open line. Bytes may be lost, damaged or late; the link's frames and resends take care of that.

    read     what has arrived, b"" when nothing has; raises `PortGone` when the other end is gone
    write    keeps what the line does not take yet; raises `PortGone`
    unsent   bytes that wait for the line to take them; `write(b"")` tries again
    """

    address: str

    @property
    def unsent(self) -> int: ...
    def fileno(self) -> int: ...
    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class DescriptorPort:
    """A port over a non-blocking file descriptor."""

    def __init__(self, address: str, descriptor: int):
        self.address = address
        self._descriptor = descriptor
        self._pending = bytearray()

    @property
    def unsent(self) -> int:
        return len(self._pending)

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> bytes:
        try:
            data = os.read(self._descriptor, READ_BYTES_MAX)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortGone(f"{self.address}: gone ({error.strerror})") from error
        if not data:
            raise PortGone(f"{self.address}: the other end closed it")
        return data

    def write(self, data: bytes) -> None:
        if len(self._pending) + len(data) > WRITE_BYTES_MAX:
            raise PortGone(f"{self.address}: takes no bytes any more")
        self._pending += data
        while self._pending:
            try:
                count = os.write(self._descriptor, self._pending)
            except BlockingIOError:
                return
            except OSError as error:
                raise PortGone(f"{self.address}: gone ({error.strerror})") from error
            del self._pending[:count]
