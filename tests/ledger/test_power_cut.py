"""A ledger whose machine loses power at any moment loses nothing that was receipted, and counts nothing twice.

The script of a day (`crash_script`) runs once, and all that it does to the disk is recorded. Its disk is then made as
it may be found after a power cut at each point: without what was not synced, with the names of it only, or with some
of it, torn. A fresh process goes on there, and is judged as in `test_every_operation.py`.
"""

import os
import pickle
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_script import Witness
from disk_model import EVERYTHING, NAMES, NOTHING, STRACE_FLAGS, TRACED, Call, Disk, Kept, calls_of, torn
from storage_faults import OPERATIONS, calls, run

from amos_ledger.errors import LedgerError
from amos_ledger.store.sqlite_database import SqliteDatabase

SAMPLE = 16
SHARDS = 8
CHECKPOINT = "public/checkpoint"


def record(strace: list[str], witness: Witness, trace: Path) -> list[Call]:
    """All that a day does to the disk."""
    ran = run([*strace, *STRACE_FLAGS], [f"trace={calls(TRACED)}"], witness.script.run, trace)
    assert ran.code == 0, ran.told[-1]
    found = list(calls_of(trace))
    trace.unlink()
    return found


@pytest.fixture(scope="module")
def recording(strace: list[str], fresh: Callable[[], Witness], tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    return record(strace, fresh(), tmp_path_factory.mktemp("trace") / "trace")


def moments(recording: list[Call], fresh: Callable[[], Witness]) -> Iterator[tuple[int, Disk, Witness]]:
    """(number of operations so far, disk, what the world saw so far), after each operation on storage."""
    witness = fresh()
    disk = Disk(witness.script.world.path)
    count = 0
    for call in recording:
        if call.name == "sendmsg":
            witness.hear(pickle.loads(call.strings[0]))
            continue
        disk.do(call)
        if call.name in OPERATIONS:
            count += 1
            shown = disk.read(CHECKPOINT)
            assert shown is not None
            witness.seen.checkpoints.add(shown)
            yield count, disk, witness


def cut_and_go_on(disk: Disk, witness: Witness, kept: Kept) -> None:
    path = witness.script.world.path
    shutil.rmtree(path)
    disk.cut(path, kept)
    after = witness.copy()
    after.judge()
    after.go_on()


def files(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, but for what is only in memory."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_model_is_the_disk(strace: list[str], fresh: Callable[[], Witness], tmp_path: Path) -> None:
    """Played to the end, the recording makes the very files that the process made."""
    witness = fresh()
    path = witness.script.world.path
    found = record(strace, witness, tmp_path / "trace")
    made = files(path)
    fresh()
    disk = Disk(path)
    for call in found:
        disk.do(call)
    disk.cut(tmp_path / "played", EVERYTHING)
    played = files(tmp_path / "played")
    assert [name for name in made.keys() | played.keys() if made.get(name) != played.get(name)] == []
    disk.cut(tmp_path / "synced", NOTHING)
    synced = files(tmp_path / "synced")
    assert [name for name in made if made[name] != synced.get(name)] == [], "what is there in the end is synced"


def without_syncs_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SqliteDatabase.__init__

    def careless(self: SqliteDatabase, *words: Any, **named: Any) -> None:
        made(self, *words, **named)
        self._connection.execute("PRAGMA synchronous=OFF")

    monkeypatch.setattr(SqliteDatabase, "__init__", careless)


def without_syncs_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.mark.parametrize("careless", [without_syncs_of_the_database, without_syncs_of_files])
def test_a_ledger_that_does_not_sync_is_found_out(
    strace: list[str],
    fresh: Callable[[], Witness],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    careless: Callable[[pytest.MonkeyPatch], None],
) -> None:
    careless(monkeypatch)
    found = record(strace, fresh(), tmp_path / "trace")
    monkeypatch.undo()
    with pytest.raises((AssertionError, ValueError, LedgerError, sqlite3.Error)):
        for count, disk, witness in moments(found, fresh):
            if count % 40 == 0:
                cut_and_go_on(disk, witness, NAMES)


def test_a_power_cut_at_some_moments(recording: list[Call], fresh: Callable[[], Witness]) -> None:
    total = sum(call.name in OPERATIONS for call in recording)
    chosen = set(random.Random(12).sample(range(1, total + 1), SAMPLE))
    for count, disk, witness in moments(recording, fresh):
        if count in chosen:
            cut_and_go_on(disk, witness, (NOTHING, NAMES, torn(f"{count}"))[count % 3])


@pytest.mark.sweep
@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_power_cut_at_every_moment(recording: list[Call], fresh: Callable[[], Witness], shard: int) -> None:
    for count, disk, witness in moments(recording, fresh):
        if count % SHARDS == shard:
            for kept in (NOTHING, NAMES, torn(f"{count} a"), torn(f"{count} b")):
                cut_and_go_on(disk, witness, kept)
