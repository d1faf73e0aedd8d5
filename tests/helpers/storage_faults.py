"""A process that is killed at its N-th storage operation, or has it fail, or has all of them recorded: under strace.

The process is a fork of this one, so what it runs is at hand. It waits until it is watched, runs `work(tell)`, and ends
without unwinding. What it tells comes over a socket, whose operations are not among those that are counted.
"""

import ctypes
import os
import pickle
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPERATIONS = (
    *("write", "pwrite64", "pwritev", "writev", "ftruncate", "truncate", "fallocate"),
    *("fsync", "fdatasync", "sync_file_range", "rename", "renameat", "renameat2", "link", "linkat", "symlink"),
    *("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "fchmod", "chmod", "fchmodat"),
)
"""Whatever changes a disk or waits for it, but for opening a file, after which another of these comes. A `?` before a
name lets strace pass over one that the machine's processor has not."""

FAILING = (*OPERATIONS, "open", "openat")
"""What may fail."""

_PR_SET_PTRACER = 0x59616D61
_ANYBODY = ctypes.c_ulong(-1)
MESSAGE_BYTES_MAX = 1 << 20
WAIT_S = 120

Tell = Callable[[Any], None]


@dataclass(frozen=True)
class Ran:
    """How a process ended: its exit code or minus its signal, and what it told before."""

    code: int
    told: list[Any]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True)
class Operation:
    """The `number`-th call of `name`, counted from 1: strace counts each system call apart."""

    name: str
    number: int


def calls(names: Sequence[str]) -> str:
    """A set of system calls, as strace takes it."""
    return ",".join(f"?{name}" for name in names)


def recorded(
    strace: Sequence[str], names: Sequence[str], work: Callable[[Tell], None], output: Path
) -> list[Operation]:
    """The operations of an undisturbed run in their order; strace's words are in `output`."""
    ran = run(strace, [f"trace={calls(names)}"], work, output)
    assert ran.code == 0, ran.told[-1]
    counts: Counter[str] = Counter()
    operations = []
    for line in output.read_text().splitlines():
        name, bracket, _rest = line.partition("(")
        if bracket and name in names:
            counts[name] += 1
            operations.append(Operation(name, counts[name]))
    return operations


def killed_at(strace: Sequence[str], operation: Operation, work: Callable[[Tell], None]) -> Ran:
    """Run it, killed before this operation."""
    return run(strace, [f"inject={operation.name}:signal=SIGKILL:when={operation.number}"], work)


def failing_at(strace: Sequence[str], operation: Operation, error: str, work: Callable[[Tell], None]) -> Ran:
    """Run it; this operation fails, and changes nothing."""
    return run(strace, [f"inject={operation.name}:error={error}:when={operation.number}"], work)


def failing_from(
    strace: Sequence[str], operations: Sequence[Operation], at: int, error: str, work: Callable[[Tell], None]
) -> Ran:
    """Run it; all of `operations` from the one at `at` on fail, and those that come in their place."""
    done = Counter(operation.name for operation in operations[:at])
    names = sorted({operation.name for operation in operations})
    return run(strace, [f"inject={name}:error={error}:when={done[name] + 1}+" for name in names], work)


def run(
    strace: Sequence[str], expressions: Sequence[str], work: Callable[[Tell], None], output: Path | None = None
) -> Ran:
    """Run it in a process of its own, watched by strace with these expressions (`-e`); strace's output may be kept."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MESSAGE_BYTES_MAX)
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
    """The child: ends with 0 when `work` returned, with 1 when it raised, which it tells."""
    code = 1

    def tell(item: Any) -> None:
        told.sendmsg([pickle.dumps(item)])  # the one way to send that no driver of a database takes

    try:
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)  # Yama lets nobody watch a process uninvited
        told.recv(16)
        work(tell)
        code = 0
    except BaseException as error:
        tell(("raised", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(code)
