"""Where the courier reaches the player: a pty, a Unix socket, or a board's USB channel.

Contract of a port: `poll(link, timeout_ms)` waits at most that long for bytes, feeds them to the `DeviceLink`, sends
what it answers, and returns whether anything came. A courier that goes away in the middle leaves nothing behind but a
damaged frame, which the link drops. Never raises for what the other side does. `request_bytes_max` is the longest body
of a request that the line's input holds beside another.
"""

from amos.compat import MICROPYTHON
from amos.edges.address import AddressError, LinkTaken
from amos.edges.clock import sleep_ms
from amos.protocol.limits import REQUEST_BYTES_MAX, REQUEST_WIDE_BYTES_MAX

WRITE_WAIT_MS = 50
"""How long a courier that has stopped reading may hold the player up, once."""

READ_BYTES = 1024 if MICROPYTHON else 16384
"""Twice the longest request. On MicroPython little more than a board has for it, where it is in the same heap."""


class PtyPort:
    """A pseudo-terminal of which the courier opens the slave, through the symbolic link `path`, like a serial port."""

    request_bytes_max = READ_BYTES // 2 if MICROPYTHON else REQUEST_WIDE_BYTES_MAX

    def __init__(self, path: str):
        from amos.edges import posix  # boards have neither ptys nor file descriptors

        self._posix = posix
        self._fd, slave = posix.open_pty()
        posix.link_name(slave, path)

    def poll(self, link, timeout_ms: int) -> bool:
        if not self._posix.readable(self._fd, timeout_ms):
            return False
        link.feed(self._posix.read_some(self._fd, READ_BYTES), self._write)
        return True

    def _write(self, answer) -> bool:
        return self._posix.write_some(self._fd, answer, WRITE_WAIT_MS)


class NoPort:
    """No courier at all."""

    request_bytes_max = REQUEST_BYTES_MAX

    def poll(self, link, timeout_ms: int) -> bool:
        if timeout_ms:
            sleep_ms(timeout_ms)  # even a sleep of 0 lets other programs run
        return False


def open_port(address: str):
    """The port for `pty:PATH`, `unix:PATH` on Linux, `usb` on boards, or `none`. Raises `AddressError`, OSError."""
    try:
        return _open(address)
    except OSError as error:
        if isinstance(error, LinkTaken):
            raise
        raise OSError("link: expected one at %s, found %s" % (address, error))


def _open(address: str):
    kind, _colon, path = address.partition(":")
    if kind == "pty" and path:
        return PtyPort(path)
    if kind == "unix" and path and not MICROPYTHON:
        from amos.edges.socket_host import SocketPort

        return SocketPort(path)
    if address == "usb" and MICROPYTHON:
        from amos.edges.usb_link import open_usb

        return open_usb()
    if address == "none":
        return NoPort()
    more = "usb" if MICROPYTHON else "unix:PATH"
    raise AddressError("link: expected pty:PATH, %s or none, found %s" % (more, address))
