"""A board's `os`: it says what board it is, and renames (the unix port's VfsPosix forgets the first of two paths)."""

import ffi
import machine
from uos import *  # noqa: F403

_rename = ffi.open(None).func("i", "rename", "ss")


def uname():
    return ("rp2", "rp2", "1.25.0", "v1.25.0", "Raspberry Pi Pico 2 W with RP2350")


def rename(old, new):
    if _rename(_real(old), _real(new)):
        raise OSError("rename " + old)


def _real(path):
    return machine.CARD + path[3:] if path.startswith("/sd/") else machine.FLASH + path
