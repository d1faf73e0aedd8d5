"""`private` on MicroPython's unix port, whose own `open` and `mkdir` know no modes: the C library's calls.

They know nothing of a file system that MicroPython has mounted itself. What is on one is protected by what it is on.
"""

import os

import ffi

from amos.compat import const

_c = ffi.open(None)
_open = _c.func("i", "open", "sii")
_close = _c.func("i", "close", "i")
_unlink = _c.func("i", "unlink", "s")
_fchmod = _c.func("i", "fchmod", "ii")
_chmod = _c.func("i", "chmod", "si")
_mkdir = _c.func("i", "mkdir", "si")
_access = _c.func("i", "access", "si")

_O_CREAT = const(0o100)
_O_EXCL = const(0o200)
_WAYS = {"wb": 1 | _O_CREAT | 0o1000, "ab": 1 | _O_CREAT | 0o2000, "r+b": 2}
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


def _no_follow() -> int:
    """O_NOFOLLOW of this processor. x86 and ARM number it and O_LARGEFILE differently, so a link that is always there
    is opened with each: the one that refuses it is meant. 0 where neither does.

    Not /proc/self/exe: an emulator of a processor opens that itself, whatever the flag.
    """
    for flag in (0o400000, 0o100000):
        descriptor = _open("/proc/self", flag, 0)
        if descriptor < 0:
            return flag
        _close(descriptor)
    return 0


_O_NOFOLLOW = _no_follow()


def _is_mounted_by_us(path: str) -> bool:
    return _access(path.rpartition("/")[0] or ("/" if path.startswith("/") else "."), 0) != 0


def _opened(path: str, flags: int, mode: str):
    if _is_mounted_by_us(path):
        return open(path, mode)
    descriptor = _open(path, flags, _FILE_MODE)
    if descriptor < 0:
        raise OSError("%s: expected a file to write that is no link" % path)
    _fchmod(descriptor, _FILE_MODE)
    return open(descriptor, mode)


def create_private(path: str):
    _unlink(path)
    return _opened(path, _WAYS["wb"] | _O_EXCL, "wb")


def open_private(path: str, mode: str, buffering: int = -1):
    return _opened(path, _WAYS[mode] | _O_NOFOLLOW, mode)


def keep_private(file) -> None:
    _fchmod(file.fileno(), _FILE_MODE)


def make_private_folder(path: str) -> None:
    if _is_mounted_by_us(path):
        os.mkdir(path)
        return
    if _mkdir(path, _FOLDER_MODE):
        raise OSError("%s: expected a free name for a folder" % path)
    _chmod(path, _FOLDER_MODE)
