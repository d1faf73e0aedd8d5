"""A serial line (USB, UART or pty) by pyserial: raw, exclusive, never waiting.

pyserial sets the line up; bytes are moved on its descriptor, since its own non-blocking `write` spins on a full line
and its `read` would wait for a count. A port that vanishes is `PortGone`, and can be opened again when it is back.
"""

import errno
import os
import select
import stat
import termios

import serial

from amos_sync.addresses import BAUD, baud_of
from amos_sync.descriptor_port import DescriptorPort
from amos_sync.errors import PortBusy, PortGone, PortMissing
from amos_sync.limits import READ_BYTES_MAX


class SerialPort(DescriptorPort):
    """An open serial line."""

    def __init__(self, line: serial.Serial):
        super().__init__(f"serial:{line.port}", line.fileno())
        self._line = line
        self._hang_up = select.poll()
        self._hang_up.register(line.fileno(), 0)  # hang-ups and errors are reported unasked

    def read(self) -> bytes:
        """What has arrived. Unlike a socket, a line that has nothing reads as an empty end."""
        try:
            data = os.read(self.fileno(), READ_BYTES_MAX)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortGone(f"{self.address}: gone ({error.strerror})") from error
        if not data and self._hang_up.poll(0):
            raise PortGone(f"{self.address}: gone")
        return data

    def close(self) -> None:
        """Give the line back."""
        self._line.close()


def open_serial(rest: str) -> SerialPort:
    """Open `PATH` or `PATH,BAUD` for this process alone. Raises `PortMissing` or `PortBusy`."""
    path, baud = baud_of(rest)
    if _is_left_over(path):
        raise PortMissing(f"serial:{path}: left by a player that ended; start it")
    try:
        line = serial.Serial(path, baud or BAUD, timeout=0, write_timeout=0, exclusive=True)
    except serial.SerialException as error:
        if error.errno in (errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK):
            raise PortBusy(f"serial:{path}: another program holds it; close that one") from error
        raise PortMissing(f"serial:{path}: {_reason(error.errno)}") from error
    except (OSError, ValueError) as error:
        raise PortMissing(f"serial:{path}: {error}") from error
    except termios.error as error:  # no OSError: who is at the other end went away while the line was set up
        raise PortMissing(f"serial:{path}: {_reason(error.args[0])}") from error
    return SerialPort(line)


def _is_left_over(path: str) -> bool:
    """Whether `path` is a link to a pty younger than itself: the kernel gave the number of a player that ended to
    somebody else, whose terminal must not be taken."""
    try:
        link, line = os.lstat(path), os.stat(path)
    except OSError:
        return False  # opening says what is wrong
    is_pty = os.path.realpath(path).startswith("/dev/pts/")
    return is_pty and stat.S_ISLNK(link.st_mode) and link.st_mtime_ns < line.st_ctime_ns


def _reason(number: int | None) -> str:
    if number == errno.ENOENT:
        return "not there; plug the player in or start it"
    if number == errno.EACCES:
        return "not permitted; add this user to the group that owns it (often dialout)"
    if number == errno.EIO:
        return "nobody is at its other end any more; plug the player in or start it"
    return "cannot be used as a serial line"
