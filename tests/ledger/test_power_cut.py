"""A ledger whose machine loses power at any moment loses nothing that was receipted, and counts nothing twice.

The script of a day (`crash_script`) runs once, and all that it does to the disk is recorded. Its disk is then made as
it may be found after a power cut at each point: without what was not synced, with the names of it only, or with some
of it, torn. A fresh process goes on there, and is judged as in `test_every_operation.py`.
"""

import os
import pickle
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aftermath import CHECKPOINT, Aftermaths
from crash_script import Witness
from disk_model import EVERYTHING, NAMES, NOTHING, STRACE_FLAGS, TRACED, Call, Disk, Kept, calls_of, torn
from folder_state import State, read_state
from storage_faults import OPERATIONS, calls, run

from amos_ledger.errors import LedgerError
from amos_ledger.store.sqlite_database import SqliteDatabase

SAMPLE = 16
LEFT: dict[str, Callable[[int], Kept]] = {
    "nothing": lambda count: NOTHING,
    "names": lambda count: NAMES,
    "some": lambda count: torn(f"{count} a"),
    "something else": lambda count: torn(f"{count} b"),
}
"""What is not synced and is there nevertheless."""


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


def wrong(made: State, played: State) -> list[str]:
    return [name for name in made.keys() | played.keys() if made.get(name) != played.get(name)]


def test_the_model_is_the_disk(strace: list[str], fresh: Callable[[], Witness], tmp_path: Path) -> None:
    """Played to the end, the recording makes the very files that the process made."""
    witness = fresh()
    path = witness.script.world.path
    found = record(strace, witness, tmp_path / "trace")
    made = read_state(path)
    fresh()
    disk = Disk(path)
    for call in found:
        disk.do(call)
    assert wrong(made, disk.state(EVERYTHING)) == []
    synced = disk.state(NOTHING)
    unsynced = wrong(made, {name: synced.get(name) for name in made})
    assert unsynced in ([], [CHECKPOINT]), "what is there in the end is synced, but for the name of the checkpoint"


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
                Aftermaths().follow(witness, disk.state(NAMES))


def test_a_power_cut_at_some_moments(recording: list[Call], fresh: Callable[[], Witness]) -> None:
    total = sum(call.name in OPERATIONS for call in recording)
    chosen = set(random.Random(12).sample(range(1, total + 1), SAMPLE))
    for count, disk, witness in moments(recording, fresh):
        if count in chosen:
            Aftermaths().follow(witness, disk.state((NOTHING, NAMES, torn(f"{count}"))[count % 3]))


@pytest.mark.sweep
@pytest.mark.parametrize("left", LEFT)
def test_a_power_cut_at_every_moment(recording: list[Call], fresh: Callable[[], Witness], left: str) -> None:
    aftermaths, count = Aftermaths(), 0
    for count, disk, witness in moments(recording, fresh):
        aftermaths.follow(witness, disk.state(LEFT[left](count)))
    assert aftermaths.cuts == count > 500
    print(f"power cut with {left} left: {aftermaths}")
