"""A process that stops before each of its operations, and then goes on, finds the operation refused, or dies.

The kernel stops it and asks (seccomp_unotify(2), Linux 5.8): that costs some 15 us an operation and nothing for any
other system call, while a tracer stops a process twice at every call. The process is a fork of this one, so what it
runs is at hand; it runs `work(tell)` and ends without unwinding. What it tells comes over a socket.
"""

import ctypes
import gc
import os
import pickle
import select
import signal
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

MESSAGE_BYTES_MAX = 1 << 20
WAIT_S = 120
PATH_BYTES_MAX = 4096
GO_ON, DIE = 0, -1
"""What may be decided at a stop, beside the number of an error."""

_LIBRARY = "libseccomp.so.2"
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_CONTINUE = 1
_API_NOTIFIES = 5

Tell = Callable[[Any], None]


class _Notice(ctypes.Structure):
    _fields_ = (
        *(("id", ctypes.c_uint64), ("pid", ctypes.c_uint32), ("flags", ctypes.c_uint32)),
        *(("number", ctypes.c_int32), ("machine", ctypes.c_uint32)),
        *(("instruction", ctypes.c_uint64), ("arguments", ctypes.c_uint64 * 6)),
    )


class _Answer(ctypes.Structure):
    _fields_ = (
        *(("id", ctypes.c_uint64), ("value", ctypes.c_int64)),
        *(("error", ctypes.c_int32), ("flags", ctypes.c_uint32)),
    )


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
    """The `number`-th call of `name`, counted from 1: each system call apart."""

    name: str
    number: int


@dataclass(frozen=True)
class Stop:
    """The process is about to do this; `call` is where in its program and with what words (and, where it has fewer than
    six, with what else the registers hold), `told` what it said."""

    operation: Operation
    pid: int
    call: tuple[int, ...]
    told: list[Any]

    def text(self, place: int) -> bytes:
        """The argument at this place, counted from 0, which is the address of a text."""
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(self.call[2 + place])
            return memory.read(PATH_BYTES_MAX).partition(b"\0")[0]


Decide = Callable[[Stop], int]


def library() -> ctypes.CDLL | None:
    """The library that asks the kernel for stops, which Debian's package manager needs too; None without it, or where
    the kernel knows of none."""
    try:
        found = ctypes.CDLL(_LIBRARY, use_errno=True)
    except OSError:
        return None
    found.seccomp_init.restype = ctypes.c_void_p
    found.seccomp_init.argtypes = [ctypes.c_uint32]
    found.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
    for name in ("seccomp_load", "seccomp_notify_fd"):
        getattr(found, name).argtypes = [ctypes.c_void_p]
    return found if found.seccomp_api_get() >= _API_NOTIFIES else None  # asking is what lets it be used


def talking_ends() -> tuple[socket.socket, socket.socket]:
    """Two ends by which a process and its child tell each other whole messages."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MESSAGE_BYTES_MAX)
    return ours, theirs


def run_stopping(names: Sequence[str], work: Callable[[Tell], None], decide: Decide) -> Ran:
    """Run it in a process of its own; at each call of these names `decide` says what becomes of it. Names that this
    machine's processor has no call of are passed over."""
    ours, theirs = talking_ends()
    child = os.fork()
    if not child:
        ours.close()
        _stop_and_work(names, theirs, work)
    theirs.close()
    with ours:
        try:
            told = _Watcher(ours, _notices(ours), decide).told
        except BaseException:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
    return Ran(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told)


def _notices(told: socket.socket) -> tuple[int, dict[int, str]]:
    """From the child: the descriptor where the kernel asks, and the names of its system calls by their number."""
    told.settimeout(WAIT_S)
    words, descriptors, _flags, _address = socket.recv_fds(told, MESSAGE_BYTES_MAX, 1)
    if not descriptors:
        raise RuntimeError(f"no process can be stopped here: {pickle.loads(words) if words else 'it died'}")
    return descriptors[0], pickle.loads(words)


def work_and_tell(told: socket.socket, work: Callable[[Tell], None]) -> NoReturn:
    """In the child: ends with 0 when `work` returned, with 1 when it raised, which it tells."""
    code = 1

    def tell(item: Any) -> None:
        told.sendmsg([pickle.dumps(item)])  # the one way to send that no driver of a database takes

    gc.freeze()  # when garbage is collected, and with it what is open, is counted from here: the same in each run
    try:
        work(tell)
        code = 0
    except BaseException as error:
        tell(("raised", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(code)


def _stop_and_work(names: Sequence[str], told: socket.socket, work: Callable[[Tell], None]) -> NoReturn:
    try:
        lib = library()
        assert lib is not None, f"{_LIBRARY} is missing"
        numbers = {number: name for name in names if (number := lib.seccomp_syscall_resolve_name(name.encode())) >= 0}
        rules = lib.seccomp_init(_ALLOW)
        for number in numbers:
            assert lib.seccomp_rule_add(rules, _NOTIFY, number, 0) == 0
        refused = lib.seccomp_load(rules)
        assert refused == 0, os.strerror(-refused)
        descriptor = lib.seccomp_notify_fd(rules)
        socket.send_fds(told, [pickle.dumps(numbers)], [descriptor])
        os.close(descriptor)
    except BaseException as error:
        told.sendmsg([pickle.dumps(f"{type(error).__name__}: {error}")])
        os._exit(1)
    work_and_tell(told, work)


class _Watcher:
    """Decides until the process has ended; `told` is what it said."""

    def __init__(self, socket: socket.socket, notices: tuple[int, dict[int, str]], decide: Decide) -> None:
        self.told: list[Any] = []
        self._socket, (self._descriptor, self._names), self._decide = socket, notices, decide
        self._counts: Counter[str] = Counter()
        lib = library()
        assert lib is not None
        self._lib = lib
        try:
            self._watch()
        finally:
            os.close(self._descriptor)

    def _watch(self) -> None:
        self._socket.setblocking(False)
        poll = select.poll()
        for one in (self._socket.fileno(), self._descriptor):
            poll.register(one, select.POLLIN)
        while True:
            ready = dict(poll.poll(WAIT_S * 1000))
            if not ready:
                raise TimeoutError(f"nothing for {WAIT_S} s; last told: {self.told[-1:]}")
            if not self._listen():
                return
            if ready.get(self._descriptor, 0) & select.POLLIN and not self._answer():
                return

    def _listen(self) -> bool:
        """Hear what was said before the stop; whether more may come."""
        while True:
            try:
                message = self._socket.recv(MESSAGE_BYTES_MAX)
            except BlockingIOError:
                return True
            if not message:
                return False
            self.told.append(pickle.loads(message))

    def _answer(self) -> bool:
        """Whether the process goes on."""
        notice = _Notice()
        refused = self._lib.seccomp_notify_receive(self._descriptor, ctypes.byref(notice))
        assert refused == 0, f"what the process is about to do cannot be read: {os.strerror(-refused)}"
        name = self._names[notice.number]
        self._counts[name] += 1
        call = (notice.number, notice.instruction, *notice.arguments)
        decided = self._decide(Stop(Operation(name, self._counts[name]), notice.pid, call, self.told))
        if decided == DIE:
            os.kill(notice.pid, signal.SIGKILL)
            return False
        answer = _Answer(notice.id, 0, -decided, 0 if decided else _CONTINUE)
        self._lib.seccomp_notify_respond(self._descriptor, ctypes.byref(answer))
        return True
