"""`posix` on MicroPython's unix port: the C library's own calls."""

import termios

import ffi

from amos.compat import const

_c = ffi.open(None)
_grantpt = _c.func("i", "grantpt", "i")
_unlockpt = _c.func("i", "unlockpt", "i")
_ptsname = _c.func("s", "ptsname", "i")
_read = _c.func("i", "read", "ipi")
_write = _c.func("i", "write", "iPi")
_symlink = _c.func("i", "symlink", "ss")
_readlink = _c.func("i", "readlink", "spi")
_unlink = _c.func("i", "unlink", "s")
_fcntl = _c.func("i", "fcntl", "iii")
_F_SETFL = const(4)
_O_RDWR = const(2)
_O_NONBLOCK = const(0o4000)
_buffer = bytearray(1024)  # taken once, and early: amid play a heap may not have so large a piece
_held: list = []  # an unreferenced file would be closed by the collector


def open_pty():
    master = open("/dev/ptmx", "r+b")
    descriptor = master.fileno()
    if _grantpt(descriptor) or _unlockpt(descriptor):
        raise OSError("no pty")
    path = _ptsname(descriptor)
    slave = open(path, "r+b")
    termios.setraw(slave.fileno())
    _fcntl(descriptor, _F_SETFL, _O_RDWR | _O_NONBLOCK)
    _held.extend((master, slave))
    return descriptor, path


def read_fd(fd: int, size: int) -> bytes:
    count = _read(fd, _buffer, min(size, len(_buffer)))
    return bytes(memoryview(_buffer)[: max(count, 0)])


def write_fd(fd: int, data: "bytes | memoryview") -> int:
    return max(_write(fd, data, len(data)), 0)  # -1 where the line is full


def link_name(target: str, path: str) -> None:
    if _readlink(path, _buffer, 1) >= 0:
        _unlink(path)
    if _symlink(target, path):
        raise OSError("a file there, or no folder for it")
