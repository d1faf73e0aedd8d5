"""What a quiet ledger writes: bounds that hold, and that SQLite's log is read as SQLite wrote it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from amos_tools.bench import ledger_writes


def test_bytes_written_for_each_that_is_stored() -> None:
    whole, database, published = ledger_writes.figures(0.002)
    assert whole.value and database.value and published.value
    assert whole.holds and database.holds and published.holds
    assert min(whole.value, database.value, published.value) > 1
    assert "usage" in database.note or "pages" not in database.note


def test_pages_of_a_log_by_commit(tmp_path: Path) -> None:
    path = tmp_path / "some.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE a (number INTEGER PRIMARY KEY)")
        database.execute("CREATE TABLE b (number INTEGER PRIMARY KEY)")
        database.execute("PRAGMA journal_mode=WAL")
        for number in range(3):
            database.execute("INSERT INTO a VALUES (?)", (number,))
        with database:
            database.execute("BEGIN")
            database.execute("INSERT INTO a VALUES (7)")
            database.execute("INSERT INTO b VALUES (7)")
            database.execute("COMMIT")
        log = path.with_name("some.sqlite-wal").read_bytes()
        [(a, b)] = database.execute(
            "SELECT (SELECT rootpage FROM sqlite_master WHERE name = 'a'),"
            " (SELECT rootpage FROM sqlite_master WHERE name = 'b')"
        )
    pages, commits = ledger_writes._logged(log)
    assert commits == 4 and sorted(pages) == sorted([a, a, a, a, b])
    assert ledger_writes._logged(b"") == ([], 0)
