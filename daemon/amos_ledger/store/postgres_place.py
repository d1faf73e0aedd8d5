"""A schema of a PostgreSQL database as a ledger's place. The driver is imported where a database is opened: it is an
extra."""

import secrets
from collections.abc import Hashable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import ClassVar
from urllib.parse import urlsplit

from amos_ledger.errors import DatabaseRefused
from amos_ledger.store.database import Database
from amos_ledger.store.place import StorePlace

SCHEMA = "amos_ledger"
"""One ledger to a database."""

_SCHEMES = ("postgresql", "postgres")


@dataclass(frozen=True)
class PostgresPlace(StorePlace):
    """The schema of the database at this URL, which may hold a password: it is in no message."""

    url: str = field(repr=False)
    schema: str = SCHEMA
    shared: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.url.startswith(tuple(f"{scheme}://" for scheme in _SCHEMES)):
            raise DatabaseRefused("database: expected a URL as postgresql://HOST/NAME, found another")

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def password(self) -> bool:
        """Whether the URL holds a password."""
        parts = urlsplit(self.url)
        return parts.password is not None or "password=" in parts.query

    def open(self, create: bool = False, read_only: bool = False) -> Database:
        try:
            from amos_ledger.store.postgres_database import PostgresDatabase
        except ModuleNotFoundError as error:
            raise DatabaseRefused(f"{error.name} is not installed: pip install 'amos[postgres]'") from None
        return PostgresDatabase(self.url, self.schema, create, read_only)

    def exists(self) -> bool:
        return True  # a schema is made where there is none

    def empty(self) -> bool:
        with closing(self.open(create=True)) as database:
            sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? LIMIT 1"
            return database.one(sql, (self.schema,)) is None

    def variant(self, word: str) -> "PostgresPlace":
        """A schema beside this one, emptied."""
        place = replace(self, schema=f"{self.schema}_{word}")
        place.remove()
        return place

    def remove(self) -> None:
        """Drop the schema, where there is one."""
        with closing(self.open()) as database:
            database.run(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")

    @contextmanager
    def scratch(self) -> Iterator[StorePlace]:
        place = self.variant(f"fsck_{secrets.token_hex(6)}")
        try:
            yield place
        finally:
            place.remove()

    @contextmanager
    def held(self) -> Iterator[Database]:
        """The open database, in which nobody else appends until the transaction ends."""
        from amos_ledger.store.postgres_database import PostgresDatabase

        with closing(self.open()) as database, database.transaction():
            assert isinstance(database, PostgresDatabase)
            database.stand()
            if database.has_table("log_head"):
                database.locked("SELECT size FROM log_head")
            yield database

    def give_way(self, database: Database, new: "PostgresPlace", aside: str) -> str:
        """Give this schema's name to `new`; the name that this one has then. `database` is that of `held`.

        Whoever waits for the head's row finds that the log goes on elsewhere (`Log.lock`).
        """
        taken = {name for (name,) in database.rows("SELECT schema_name FROM information_schema.schemata")}
        number = next(number for number in count(1) if f"{self.schema}_{aside}_{number}" not in taken)
        kept = f"{self.schema}_{aside}_{number}"
        if database.has_table("log_head"):
            sql = f"UPDATE {new.schema}.log_head SET decided = (SELECT max(decided) + 1 FROM {self.schema}.log_head)"
            database.run(sql)
            database.run("UPDATE log_head SET size = -1, decided = decided + 1")
        if self.schema in taken:
            database.run(f"ALTER SCHEMA {self.schema} RENAME TO {kept}")
        database.run(f"ALTER SCHEMA {new.schema} RENAME TO {self.schema}")
        return kept

    def identity(self) -> Hashable:
        return None  # names are looked up at each statement, and a schema that took this name's place is this one

    def attach(self, database: Database) -> None:
        from amos_ledger.store.postgres_database import PostgresDatabase

        assert isinstance(database, PostgresDatabase)
        database.attach(self.schema)
