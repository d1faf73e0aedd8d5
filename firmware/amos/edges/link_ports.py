"""Where the courier reaches the player: a pty, a Unix socket, or a board's USB channel.

Contract of a port: `poll(link, timeout_ms)` waits at most that long for a request, lets the `DeviceLink` answer it, one
at most, and returns whether anything came; with several peers each has its turn. So who calls decides how long requests
are served, however many a peer sends at once. It never waits for a peer that does not read its answer; that one is
served again when it has. A courier that goes away in the middle leaves nothing behind but a damaged frame, which the
link drops. Never raises for what the other side does. `request_bytes_max` is the longest body of a request that the
line's input holds beside another. `link_of(player)` is a `DeviceLink` for it that knows what the line can carry.
"""

from amos.compat import MICROPYTHON
from amos.edges.address import AddressError, LinkTaken
from amos.edges.clock import sleep_ms
from amos.edges.link_line import Line
from amos.protocol.limits import REQUEST_BYTES_MAX, REQUEST_WIDE_BYTES_MAX
from amos.protocol.link_device import DeviceLink

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
        self._line = Line(self._read, self._write)

    def link_of(self, player) -> DeviceLink:
        return DeviceLink(player, self.request_bytes_max)

    def poll(self, link, timeout_ms: int) -> bool:
        line = self._line
        if line.unsent:
            self._posix.writable(self._fd, timeout_ms)
        elif not line.waits and not self._posix.readable(self._fd, timeout_ms):
            return False
        return line.serve(link)

    def _read(self) -> bytes:
        return self._posix.read_some(self._fd, READ_BYTES)

    def _write(self, answer) -> int:
        return self._posix.write_some(self._fd, answer)


class NoPort:
    """No courier at all."""

    request_bytes_max = REQUEST_BYTES_MAX

    def link_of(self, player) -> DeviceLink:
        return DeviceLink(player, self.request_bytes_max)

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
