"""`posix` on CPython."""

import os
import tty

read_fd = os.read


def open_pty() -> tuple[int, str]:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, os.ttyname(slave)


def write_fd(fd: int, data: bytes | memoryview) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0


def link_name(target: str, path: str) -> None:
    if os.path.islink(path):
        os.unlink(path)
    os.symlink(target, path)
