"""Power is lost while a new database takes the place of the old one, and the names of files persist in any order.

What is worst is a write-ahead log of the old database beside the new one: SQLite finds it by its name alone, and plays
it into whatever has that name.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from audited import audited
from disk_model import NAMES, NOTHING, STRACE_FLAGS, TRACED, Disk, Kept, Naming, calls_of
from folder_state import write_state
from storage_faults import calls, run

from amos_ledger.folder import Folder
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.recovery import recover
from amos_ledger.store.store import Store

MOVES = ("rename", "link", "unlink", "fsync")


def kept(choose: Callable[[list[Naming]], list[Naming]]) -> Kept:
    return Kept(choose, lambda changes: [])


def orders(most: int) -> Iterator[Kept]:
    """Each unsynced change of names alone, and all but each: whichever of two persists first."""
    yield from (NOTHING, NAMES)
    for at in range(most):
        yield kept(lambda since, at=at: since[at : at + 1])
        yield kept(lambda since, at=at: [*since[:at], *since[at + 1 :]])


class Case:
    """A folder to be mended by a command, whose old database has a write-ahead log beside it."""

    def __init__(self, world: Any, home: Path) -> None:
        device = world.device()
        world.take(device, device.seal())
        world.ledger.close()
        self.path: Path = world.path
        with closing(sqlite3.connect(world.path / "ledger.sqlite")) as held:  # keeps the write-ahead log
            held.execute("SELECT 1 FROM ledger").fetchone()
            world.take(device, device.seal(), device.seal())
            world.ledger.close()
            self.crashed = Path(shutil.copytree(world.path, home / "crashed"))
        assert (self.crashed / "ledger.sqlite-wal").stat().st_size > 0
        world.take(device, device.seal())
        world.ledger.close()
        self.mirror = shutil.copytree(audited(Folder(world.path)), home / "mirror")
        with Folder(world.path).open_store() as store:
            self.size, self.root = store.size(), store.root()

    def prepare(self) -> None:
        shutil.rmtree(self.path)
        shutil.copytree(self.crashed, self.path)

    def run(self) -> None:
        raise NotImplementedError

    def sizes(self) -> set[int]:
        """Of the log, before the command and after it."""
        raise NotImplementedError

    def judge(self) -> None:
        """A store that lies there is whole, and none is what is not to be read."""
        path = self.path / "ledger.sqlite"
        if path.exists():
            with Store(path) as store:
                assert store.size() in self.sizes()
            with closing(sqlite3.connect(path)) as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


class Recover(Case):
    def run(self) -> None:
        recover(Folder(self.path, recovered=True), [str(self.mirror)])

    def sizes(self) -> set[int]:
        return {self.size - 1, self.size}


class RecoverRotten(Recover):
    """The old database cannot be opened; its write-ahead log can."""

    def prepare(self) -> None:
        super().prepare()
        (self.path / "ledger.sqlite").write_bytes(b"rotten" * 1000)

    def judge(self) -> None:
        path = self.path / "ledger.sqlite"
        if not path.exists() or b"rotten" not in path.read_bytes():  # its log may have been played into it
            super().judge()

    def sizes(self) -> set[int]:
        return {self.size}


class RebuildRotten(RecoverRotten):
    def prepare(self) -> None:
        super().prepare()
        for name in ("public", "audit"):  # all of what was published, so that it is known what to rebuild
            shutil.rmtree(self.path / name, ignore_errors=True)
        shutil.copytree(self.mirror, self.path / "audit")
        (self.path / "public").mkdir()
        shutil.copy(self.mirror / "checkpoint", self.path / "public")

    def run(self) -> None:
        rebuild_folder(Folder(self.path), 0)


@pytest.mark.parametrize("case", [Recover, RecoverRotten, RebuildRotten])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_names_that_persist_in_any_order(strace: list[str], world: Any, tmp_path: Path, case: type[Case]) -> None:
    made = case(world, tmp_path)
    made.prepare()
    disk, trace = Disk(made.path), tmp_path / "trace"
    ran = run([*strace, *STRACE_FLAGS], [f"trace={calls(TRACED)}"], lambda _tell: made.run(), trace)
    assert ran.code == 0, ran.told
    seen: list[dict[str, bytes]] = []
    for call in calls_of(trace):
        disk.do(call)
        about = [call.path, *(text.decode(errors="replace") for text in call.strings[:2])]
        parts = {part for path in about for part in Path(path).parts}
        moved = call.name.startswith(MOVES) and any(part.startswith("ledger.") for part in parts)
        if not (moved or (call.name == "fsync" and Path(call.path) == made.path)):
            continue
        for some in orders(4):
            write_state(made.path, disk.state(some))
            state = {
                item.name: sha256(item.read_bytes()).digest() for item in made.path.glob("ledger.*") if item.is_file()
            }
            if state in seen:
                continue
            seen.append(state)
            made.judge()
            made.run()
            with Folder(made.path).open_store() as store:
                assert (store.size(), store.root()) == (made.size, made.root), state.keys()
    assert len(seen) > 3
