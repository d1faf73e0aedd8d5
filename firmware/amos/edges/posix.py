"""The few calls on file descriptors that both runtimes need, for the link: `os` on CPython, the C library elsewhere.

open_pty() -> (master, slave path)   raw, the master non-blocking; the slave is held open for couriers to come and go
read_some(fd, size) -> bytes         what is there, b"" when nothing is
write_some(fd, data) -> int          what the line has taken of it at once, maybe nothing: a reader that has stopped
                                     must not stop the player
readable(fd, timeout_ms) -> bool
writable(fd, timeout_ms) -> bool
link_name(target, path)              a symbolic link in place of one at `path`; OSError for any other file there
"""

import select

from amos.compat import MICROPYTHON

if MICROPYTHON:
    from amos.edges.posix_ffi import link_name, open_pty, read_fd, write_fd
else:
    from amos.edges.posix_host import link_name, open_pty, read_fd, write_fd

__all__ = ("link_name", "open_pty", "read_some", "readable", "writable", "write_some")

write_some = write_fd


def readable(fd: int, timeout_ms: int) -> bool:
    return _comes(fd, select.POLLIN, timeout_ms)


def writable(fd: int, timeout_ms: int) -> bool:
    return _comes(fd, select.POLLOUT, timeout_ms)


def _comes(fd: int, event: int, timeout_ms: int) -> bool:
    poll = select.poll()
    poll.register(fd, event)
    return any([found[1] & event for found in poll.poll(timeout_ms)])


def read_some(fd: int, size: int) -> bytes:
    return read_fd(fd, size) if readable(fd, 0) else b""
