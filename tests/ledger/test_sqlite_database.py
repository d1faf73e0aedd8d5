"""What a SQLite file of the ledger's is made of."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from amos_ledger.errors import StorageFailed
from amos_ledger.store.place import SqlitePlace
from amos_ledger.store.sqlite_database import SqliteDatabase


@pytest.mark.parametrize("found_bytes", [None, 4096])
def test_pages_are_small_and_the_log_holds_as_many_bytes_of_any_size(tmp_path: Path, found_bytes: int | None) -> None:
    path = tmp_path / "ledger.sqlite"
    if found_bytes is not None:  # a ledger's from before keeps its pages
        with closing(sqlite3.connect(path)) as earlier:
            earlier.executescript(f"PRAGMA page_size={found_bytes}; CREATE TABLE t (x)")
    database = SqliteDatabase(path, create=found_bytes is None)
    (page_bytes,), (frames,) = (database.locked(f"PRAGMA {name}")[0] for name in ("page_size", "wal_autocheckpoint"))
    database.close()
    assert page_bytes == (found_bytes or 2048) and page_bytes * frames == 16 << 20


def test_room_for_what_is_worked_out_again_is_asked_for_where_it_lacks(tmp_path: Path) -> None:
    said = "amos-fsck-.*: database or disk is full; .* TMPDIR names another place"
    ledger = SqlitePlace(tmp_path / "ledger.sqlite")
    with (
        pytest.raises(StorageFailed, match=said),
        ledger.scratch() as place,
        closing(place.open(create=True)) as database,
    ):
        database.run("PRAGMA max_page_count = 1")
        database.run("CREATE TABLE entry (bytes BLOB)")
