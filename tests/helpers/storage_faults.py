"""A process that is killed at its N-th storage operation, or has it fail (`stops`), or has all of them recorded by
strace with what they write."""

import ctypes
import errno
import os
import pickle
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from stops import (
    DIE,
    GO_ON,
    MESSAGE_BYTES_MAX,
    WAIT_S,
    Operation,
    Ran,
    Stop,
    Tell,
    run_stopping,
    talking_ends,
    work_and_tell,
)

OPERATIONS = (
    *("write", "pwrite64", "pwritev", "writev", "ftruncate", "truncate", "fallocate"),
    *("fsync", "fdatasync", "sync_file_range", "rename", "renameat", "renameat2", "link", "linkat", "symlink"),
    *("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "fchmod", "chmod", "fchmodat"),
)
"""Whatever changes a disk or waits for it, but for opening a file, after which another of these comes."""

FAILING = (*OPERATIONS, "open", "openat")
"""What may fail."""

_PR_SET_PTRACER = 0x59616D61
_ANYBODY = ctypes.c_ulong(-1)


def calls(names: Sequence[str]) -> str:
    """A set of system calls, as strace takes it: one with a `?` before it may be none of this machine's processor."""
    return ",".join(f"?{name}" for name in names)


def recorded(names: Sequence[str], work: Callable[[Tell], None]) -> list[Operation]:
    """The operations of an undisturbed run in their order."""
    operations: list[Operation] = []

    def note(stop: Stop) -> int:
        operations.append(stop.operation)
        return GO_ON

    ran = run_stopping(names, work, note)
    assert ran.code == 0, ran.told[-1]
    return operations


def killed_at(operation: Operation, work: Callable[[Tell], None]) -> Ran:
    """Run it, killed before this operation."""
    return run_stopping([operation.name], work, lambda stop: DIE if stop.operation == operation else GO_ON)


def failing_at(operation: Operation, error: str, work: Callable[[Tell], None]) -> Ran:
    """Run it; this operation fails, and changes nothing."""
    number = getattr(errno, error)
    return run_stopping([operation.name], work, lambda stop: number if stop.operation == operation else GO_ON)


def failing_from(operations: Sequence[Operation], at: int, error: str, work: Callable[[Tell], None]) -> Ran:
    """Run it; all of `operations` from the one at `at` on fail, and those that come in their place."""
    done = Counter(operation.name for operation in operations[:at])
    names = sorted({operation.name for operation in operations})
    number = getattr(errno, error)
    return run_stopping(
        names, work, lambda stop: number if stop.operation.number > done[stop.operation.name] else GO_ON
    )


def run(
    strace: Sequence[str], expressions: Sequence[str], work: Callable[[Tell], None], output: Path | None = None
) -> Ran:
    """Run it in a process of its own, watched by strace with these expressions (`-e`); strace's output may be kept."""
    ours, theirs = talking_ends()
    child = os.fork()
    if not child:
        ours.close()
        _be_watched(theirs, work)
    theirs.close()
    words = [*strace, "-o", str(output or os.devnull), *(word for one in expressions for word in ("-e", one))]
    with ours, subprocess.Popen([*words, "-p", str(child)], stderr=subprocess.PIPE) as watcher:
        assert watcher.stderr is not None
        said = watcher.stderr.readline()
        if b"attached" not in said:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise RuntimeError(f"strace cannot watch a process here: {said.decode()}")
        ours.settimeout(WAIT_S)
        ours.send(b"go")
        told = []
        while message := ours.recv(MESSAGE_BYTES_MAX):
            told.append(pickle.loads(message))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ran(code, told)


def _be_watched(told: socket.socket, work: Callable[[Tell], None]) -> None:
    """The child: waits until it is watched."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)  # Yama lets nobody watch a process uninvited
    told.recv(16)
    work_and_tell(told, work)
