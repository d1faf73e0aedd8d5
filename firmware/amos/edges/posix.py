"""The few calls on file descriptors that both runtimes need, for the link: `os` on CPython, the C library elsewhere.

    open_pty() -> (master, slave path)   raw mode; the slave is held open, so that a courier may come and go
    read_some(fd, size) -> bytes         what is there, b"" when nothing is
    write_all(fd, data)                  returns when the line has taken everything; raises OSError
    readable(fd, timeout_ms) -> bool
    link_name(target, path)              a symbolic link in place of whatever stood at `path`
"""

import select

from amos.compat import MICROPYTHON

if MICROPYTHON:
    import ffi
    import termios

    _c = ffi.open(None)
    _grantpt = _c.func("i", "grantpt", "i")
    _unlockpt = _c.func("i", "unlockpt", "i")
    _ptsname = _c.func("s", "ptsname", "i")
    _read = _c.func("i", "read", "ipi")
    _write = _c.func("i", "write", "iPi")
    _symlink = _c.func("i", "symlink", "ss")
    _unlink = _c.func("i", "unlink", "s")
    _held: list = []  # an unreferenced file would be closed by the collector

    def open_pty():
        master = open("/dev/ptmx", "r+b")
        descriptor = master.fileno()
        if _grantpt(descriptor) or _unlockpt(descriptor):
            raise OSError("no pty")
        path = _ptsname(descriptor)
        slave = open(path, "r+b")
        termios.setraw(slave.fileno())
        _held.extend((master, slave))
        return descriptor, path

    def _read_fd(fd: int, size: int) -> bytes:
        buffer = bytearray(size)
        count = _read(fd, buffer, size)
        return bytes(buffer[: max(count, 0)])

    def _write_fd(fd: int, data: bytes) -> int:
        count = _write(fd, data, len(data))
        if count < 0:
            raise OSError("write failed")
        return count

    def link_name(target: str, path: str) -> None:
        _unlink(path)
        if _symlink(target, path):
            raise OSError("no link at " + path)

else:
    import os
    import tty

    def open_pty():
        master, slave = os.openpty()
        tty.setraw(slave)
        return master, os.ttyname(slave)

    _read_fd = os.read
    _write_fd = os.write

    def link_name(target: str, path: str) -> None:
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)


def readable(fd: int, timeout_ms: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(event[1] & select.POLLIN for event in poll.poll(timeout_ms))


def read_some(fd: int, size: int) -> bytes:
    return _read_fd(fd, size) if readable(fd, 0) else b""


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[_write_fd(fd, data) :]
