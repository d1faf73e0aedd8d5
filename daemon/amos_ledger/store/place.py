"""Where a ledger's database is: a SQLite file, or a schema of a PostgreSQL database."""

import os
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from amos_ledger.errors import StorageFailed
from amos_ledger.store.database import Database
from amos_ledger.store.sqlite_database import SqliteDatabase


class StorePlace(ABC):
    """A database that is there, or may be made."""

    shared: ClassVar[bool] = False
    """Whether workers on other machines may have it open."""

    @abstractmethod
    def __str__(self) -> str:
        """For people; without a password."""

    @abstractmethod
    def open(self, create: bool = False, read_only: bool = False) -> Database:
        """The open database; to `create` makes an empty one, for whose tables the caller cares."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is something at this place."""

    @abstractmethod
    def empty(self) -> bool:
        """Whether what is there has no tables."""

    @abstractmethod
    def scratch(self) -> AbstractContextManager["StorePlace"]:
        """A place of the same kind for a store that nobody needs afterwards. Inside, raises `StorageFailed` where there
        is no room for it."""

    @abstractmethod
    def identity(self) -> Hashable:
        """What is another where another database has taken the place. Raises `StorageFailed` where none is there."""

    @abstractmethod
    def attach(self, database: Database) -> None:
        """Let statements to `database` name tables of this place as `live.…`; it is of the same kind."""


@dataclass(frozen=True)
class SqlitePlace(StorePlace):
    """A SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(self, create: bool = False, read_only: bool = False) -> Database:
        return SqliteDatabase(self.path, create, read_only)

    def exists(self) -> bool:
        return self.path.exists()

    def empty(self) -> bool:
        with closing(SqliteDatabase(self.path)) as database:
            return database.one("SELECT 1 FROM sqlite_master LIMIT 1") is None

    @contextmanager
    def scratch(self) -> Iterator[StorePlace]:
        with tempfile.TemporaryDirectory(prefix="amos-fsck-") as folder:
            try:
                yield SqlitePlace(Path(folder) / "again.sqlite")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                raise StorageFailed(
                    f"{folder}: {error}; what is worked out again lies there, and takes as much room as the ledger's"
                    " database; the environment's TMPDIR names another place"
                ) from None

    def identity(self) -> Hashable:
        try:
            found = os.stat(self.path)  # with each batch, which `Path` is slow at
        except OSError as error:
            raise StorageFailed(f"{self.path}: {error.strerror}") from None
        return found.st_dev, found.st_ino

    def attach(self, database: Database) -> None:
        assert isinstance(database, SqliteDatabase)
        database.attach(self.path)


def place_of(where: Path | StorePlace) -> StorePlace:
    """The place; a path is that of a SQLite file."""
    return where if isinstance(where, StorePlace) else SqlitePlace(where)
