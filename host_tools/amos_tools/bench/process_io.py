"""Bytes that this process has moved so far, as Linux counts them (proc(5)): SQLite's and Python's alike."""

import os
from pathlib import Path
from typing import NamedTuple

_PATH = Path("/proc/self/io")


class Moved(NamedTuple):
    """Bytes read from the system, given to it, and brought to a disk, in whole blocks."""

    read: int
    written: int
    brought: int


def moved() -> Moved | None:
    """So far; None where nobody counts."""
    try:
        lines = dict(line.split(": ") for line in _PATH.read_text().splitlines())
    except OSError:
        return None
    return Moved(*(int(lines[name]) for name in ("rchar", "wchar", "write_bytes")))


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM. Raises `LookupError` where the system does not tell it."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        raise LookupError(f"process {pid}: expected its memory below /proc, found none") from None
