"""Processor time of other processes, as Linux counts it (proc(5))."""

import os
from pathlib import Path

_PARENT, _OWN, _WITH_WAITED_FOR = 1, slice(11, 13), slice(11, 15)
"""Of a process's `stat`, from the third field on."""


def processor_s(pid: int) -> float | None:
    """Processor time that a process has taken, in seconds; None where the system does not tell it."""
    fields = _fields(pid)
    return None if fields is None else _seconds(fields[_OWN])


def tree_s(pid: int) -> float:
    """The same of a process, of those of its children that run, and of those that it has waited for. Raises
    `LookupError` where the system does not tell it."""
    fields = _fields(pid)
    if fields is None:
        raise LookupError(f"process {pid}: expected its times below /proc, found none")
    others = (_fields(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit())
    children = (other for other in others if other is not None and int(other[_PARENT]) == pid)
    return _seconds(fields[_WITH_WAITED_FOR]) + sum(_seconds(child[_WITH_WAITED_FOR]) for child in children)


def waited_s(pid: int) -> float:
    """For how long the first thread of the process could have run and had no processor; 0 where nobody counts it."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _fields(pid: int) -> list[str] | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields if len(fields) >= _WITH_WAITED_FOR.stop else None


def _seconds(ticks: list[str]) -> float:
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
