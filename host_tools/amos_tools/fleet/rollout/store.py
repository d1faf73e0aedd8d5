"""The file of a roll-out: one at a time writes it, and a crash leaves the state before or the state after.

Beside FILE, `FILE.lock` is locked by whoever runs the roll-out, and `FILE.stop` asks the one who runs it to stop.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amos.edges.durable_host import sync_folder, write_whole
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.rollout.decide import stop
from amos_tools.fleet.rollout.plain import PlainError
from amos_tools.fleet.rollout.state import Rollout, facts_of, rollout_of

BYTES_MAX = 1 << 28
STOP_WAIT_S = 30.0


class StateError(FleetError):
    """The file of a roll-out is not there, is there already, or is none."""


class InUseError(FleetError):
    """Another process runs this roll-out."""


class Store:
    """The file's content, for the one who holds it."""

    def __init__(self, path: Path) -> None:
        if not path.name:
            raise StateError(f"{path}: expected a file's name")
        self.path = path
        self._asked = path.with_name(path.name + ".stop")

    def load(self) -> Rollout:
        """Raises `StateError`, OSError."""
        if self.path.exists() and not self.path.is_file():
            raise StateError(f"{self.path}: expected the state of a roll-out, found no file")
        with self.path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
        try:
            if len(data) > BYTES_MAX:
                raise PlainError(f"expected at most {BYTES_MAX} bytes")
            return rollout_of(json.loads(data))
        except (PlainError, ValueError, RecursionError) as error:
            told = " ".join(str(error).split())
            raise StateError(f"{self.path}: expected the state of a roll-out: {told}") from None

    def save(self, rollout: Rollout) -> None:
        """It is durable when this returns. Raises OSError."""
        write_whole(self.path, json.dumps(facts_of(rollout), indent=1).encode() + b"\n")

    def ask_to_stop(self) -> None:
        """Whoever runs it stops. Raises OSError."""
        write_whole(self._asked, b"")

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether somebody did, and nobody has seen to it."""
        return self._asked.exists()

    def seen_to_it(self) -> None:
        """Nobody asks it to stop any more: it has, and that is saved, or it has not begun. Raises OSError."""
        self._asked.unlink(missing_ok=True)
        sync_folder(self._asked)

    @contextmanager
    def held(self, wait_s: float = 0.0) -> Iterator[None]:
        """Nobody else runs it meanwhile. Raises `InUseError` if after so long somebody does, OSError."""
        end_s = time.monotonic() + wait_s
        descriptor = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _locks(descriptor):
                if time.monotonic() >= end_s:
                    raise InUseError(f"{self.path}: another process runs this roll-out (rollout stop ends it)")
                time.sleep(0.05)
            yield
        finally:
            os.close(descriptor)


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def stopped(store: Store) -> Iterator[Rollout]:
    """The roll-out, stopped where it was under way, and held. Raises `FleetError`, OSError."""
    store.ask_to_stop()
    with store.held(STOP_WAIT_S):
        rollout = store.load()
        if rollout.under_way:
            stop(rollout, f"the operator stopped the roll-out of pack {rollout.pack.serial}")
            store.save(rollout)
        store.seen_to_it()
        yield rollout
