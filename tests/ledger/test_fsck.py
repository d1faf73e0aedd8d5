"""The database is a cache: what its log gives is what it has, and what rots in it is named, and mended from the log."""

import sqlite3
from pathlib import Path
from typing import Any

from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_ledger.store.comparison import CARRIED, COUNTING

NOON = 1_793_534_400


def played(world: Any, segments: int = 6) -> Any:
    device = world.device()
    answers = world.take(device, *(device.seal() for _ in range(segments)))
    assert {answer.verdict for answer in answers} == {0}
    return device


def everything(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    connection = sqlite3.connect(path)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in tables}
    finally:
        connection.close()


def test_every_table_counts_or_is_carried(world: Any) -> None:
    assert set(everything(world.folder.store_path)) == {*COUNTING, *CARRIED}


def test_a_rebuilt_ledger_is_the_live_one(world: Any) -> None:
    played(world)
    world.ledger.close()
    before = everything(world.folder.store_path)
    rebuilt = rebuild_folder(world.folder, 0)
    assert everything(world.folder.store_path) == before
    assert everything(rebuilt.kept) == before
    assert (rebuilt.left, rebuilt.mended, rebuilt.receipts, scrub(world.folder)) == ((), (), 0, [])
