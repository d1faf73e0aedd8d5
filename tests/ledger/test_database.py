"""Rows that wait and reads that are remembered do not show: whatever else is asked for sees what was written."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amos_ledger.store import memory
from amos_ledger.store.database import Database
from amos_ledger.store.sqlite_database import SqliteDatabase

INSERT = "INSERT INTO kept VALUES (?)"
COUNT = "SELECT count(*) FROM kept"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = SqliteDatabase(tmp_path / "file.sqlite", create=True)
    with made.transaction():
        made.run_script("CREATE TABLE kept (number INTEGER PRIMARY KEY)")
    yield made
    made.close()


def counted(database: Database) -> int:
    """As intake asks for what it remembers."""
    row = database.remembered("count", lambda: database.first(COUNT))
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    "write",
    [
        lambda database: database.run(INSERT, (9,)),
        lambda database: database.run_many(INSERT, [(9,)]),
        lambda database: database.run_script("INSERT INTO kept VALUES (9)"),
    ],
    ids=["run", "run_many", "run_script"],
)
def test_another_write_writes_what_waits_and_forgets_what_is_remembered(
    database: Database, write: Callable[[Database], object]
) -> None:
    with database.transaction():
        assert counted(database) == 0
        database.later(INSERT, (1,))
        database.gathered(lambda found: [database.later(INSERT, (number,)) for number in found])[2] = True
        write(database)
        assert counted(database) == 3


@pytest.mark.parametrize(
    "read",
    [
        lambda database: database.one(COUNT),
        lambda database: database.rows(COUNT)[0],
        lambda database: next(database.each(COUNT)),
    ],
    ids=["one", "rows", "each"],
)
def test_another_read_sees_what_waits(database: Database, read: Callable[[Database], tuple[int]]) -> None:
    with database.transaction():
        database.later(INSERT, (1,))
        assert read(database) == (1,)


def test_nothing_waits_or_is_remembered_beyond_its_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.note("count", (7,))
        database.later(INSERT, (1,))
        raise ZeroDivisionError
    assert counted(database) == 0 and database.known("count") is None
    with database.transaction():
        database.later(INSERT, (1,))
    assert counted(database) == 1
    database.later(INSERT, (2,))
    assert counted(database) == 2


def test_a_row_that_waits_and_does_not_fit_undoes_the_transaction(database: Database) -> None:
    with pytest.raises(Exception, match="UNIQUE"), database.transaction():
        database.later(INSERT, (1,))
        database.later(INSERT, (1,))
    assert counted(database) == 0


def remembered(database: Database) -> int:
    """As intake asks for what it remembers of devices."""
    row = database.devices.found("count", lambda: database.first(COUNT))
    assert row is not None
    return int(row[0])


def test_what_is_known_of_devices_lasts_while_nobody_else_writes(database: Database, tmp_path: Path) -> None:
    with database.transaction():
        assert remembered(database) == 0
        database.later(INSERT, (1,))
    with database.transaction():
        assert remembered(database) == 0  # whoever let the row wait would have noted it
        database.run(INSERT, (2,), of_devices=False)
        assert remembered(database) == 0
    other = SqliteDatabase(tmp_path / "file.sqlite")
    with other.transaction():
        other.run(INSERT, (3,))
    other.close()
    with database.transaction():
        assert remembered(database) == 3


@pytest.mark.parametrize("within", [True, False], ids=["in a transaction", "alone"])
def test_a_write_that_nobody_foresaw_forgets_what_is_known_of_devices(database: Database, within: bool) -> None:
    with database.transaction():
        assert remembered(database) == 0
        if within:
            database.run(INSERT, (1,))
            assert remembered(database) == 1
    if not within:
        database.later(INSERT, (1,))
    with database.transaction():
        assert remembered(database) == 1


def test_what_was_undone_is_not_known_of_devices(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.devices.note("count", (7,))
        raise ZeroDivisionError
    assert remembered(database) == 0 and database.devices.known("count") is None
    with database.transaction():
        assert remembered(database) == 0


def test_not_more_is_known_of_devices_than_fits(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "REMEMBERED_MAX", 3)
    with database.transaction():
        for number in range(4):
            database.devices.note(number, number)
    with database.transaction():
        assert not len(database.devices)
