"""A schema of a PostgreSQL database as a ledger's place. The driver is imported where a database is opened: it is an
extra."""

from collections.abc import Hashable
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from amos_ledger.errors import DatabaseRefused
from amos_ledger.store.database import Database
from amos_ledger.store.place import Place

SCHEMA = "amos_ledger"
"""One ledger to a database."""

_SCHEMES = ("postgresql", "postgres")


@dataclass(frozen=True)
class PostgresPlace(Place):
    """The schema of the database at this URL, which may hold a password: it is in no message."""

    url: str = field(repr=False)
    schema: str = SCHEMA

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

    def identity(self) -> Hashable:
        return None  # names are looked up at each statement, and a schema that took this name's place is this one

    def attach(self, database: Database) -> None:
        from amos_ledger.store.postgres_database import PostgresDatabase

        assert isinstance(database, PostgresDatabase)
        database.attach(self.schema)
