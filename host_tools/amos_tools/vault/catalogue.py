"""The vault's SQLite catalogue: one row per stem, one per split, one per composer, one per tag.

Contract: WAL with `synchronous=FULL`, so a row that was committed survives a power cut. Callers store a stem's blob
before its row; a row therefore never names a blob that was not there. A catalogue of an older schema is brought to the
present one when it is opened, in one transaction.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from amos.edges.private_host import claim_private
from amos_cli.names import nfc
from amos_tools.stems import Composer, Credits, Split, StemFacts
from amos_tools.vault.errors import CatalogueDamaged, NotAVault

SCHEMA_VERSION = 4
_WAIT_S = 30.0

_SCHEMA = """
CREATE TABLE vault (schema_version INTEGER NOT NULL, rate_hz INTEGER NOT NULL);
CREATE TABLE stem (
    stem_id BLOB PRIMARY KEY CHECK (length(stem_id) = 16),
    sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    title TEXT NOT NULL, artist TEXT NOT NULL, role TEXT NOT NULL, key TEXT, tempo_mbpm INTEGER, beats INTEGER,
    rate_hz INTEGER NOT NULL, frames INTEGER NOT NULL, channels INTEGER NOT NULL, loudness_mlufs INTEGER NOT NULL,
    opt_in INTEGER NOT NULL, isrc TEXT, published INTEGER NOT NULL,
    iswc TEXT, publisher TEXT, label TEXT, upc TEXT, ai_use TEXT, training INTEGER
) WITHOUT ROWID;
CREATE TABLE split (
    stem_id BLOB NOT NULL REFERENCES stem ON DELETE CASCADE, position INTEGER NOT NULL,
    payee TEXT NOT NULL, ppm INTEGER NOT NULL, PRIMARY KEY (stem_id, position), UNIQUE (stem_id, payee)
) WITHOUT ROWID;
CREATE TABLE composer (
    stem_id BLOB NOT NULL REFERENCES stem ON DELETE CASCADE, position INTEGER NOT NULL,
    name TEXT NOT NULL, ipi TEXT, PRIMARY KEY (stem_id, position)
) WITHOUT ROWID;
CREATE TABLE tag (
    stem_id BLOB NOT NULL REFERENCES stem ON DELETE CASCADE, name TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (stem_id, name)
) WITHOUT ROWID;
"""

_TO_2 = """
ALTER TABLE stem ADD COLUMN iswc TEXT; ALTER TABLE stem ADD COLUMN publisher TEXT;
ALTER TABLE stem ADD COLUMN label TEXT; ALTER TABLE stem ADD COLUMN upc TEXT;
ALTER TABLE stem ADD COLUMN ai_use TEXT; ALTER TABLE stem ADD COLUMN training INTEGER;
CREATE TABLE composer (
    stem_id BLOB NOT NULL REFERENCES stem ON DELETE CASCADE, position INTEGER NOT NULL,
    name TEXT NOT NULL, ipi TEXT, PRIMARY KEY (stem_id, position)
) WITHOUT ROWID;
UPDATE vault SET schema_version = 2;
"""
_TO_3 = """
CREATE TABLE tag (
    stem_id BLOB NOT NULL REFERENCES stem ON DELETE CASCADE, name TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (stem_id, name)
) WITHOUT ROWID;
UPDATE vault SET schema_version = 3;
"""
# The tables stay. A stem's role may be vocals, and what knows schema 3 alone knows no such role.
_TO_4 = "UPDATE vault SET schema_version = 4"
_MIGRATIONS = {1: _TO_2, 2: _TO_3, 3: _TO_4}
"""Schema version → what brings a catalogue from it to the next."""

_COLUMNS = (
    "stem_id", "sha256", "title", "artist", "role", "key", "tempo_mbpm", "beats",
    "rate_hz", "frames", "channels", "loudness_mlufs", "opt_in", "isrc",
)  # fmt: skip
_CREDITS = ("iswc", "publisher", "label", "upc", "ai_use", "training")
_STATED = (*_COLUMNS, *_CREDITS)
# `published` is set by the first opt-in and stays: what was played before an opt-out is still paid by these splits.
_UPSERT = "INSERT INTO stem ({}, published) VALUES ({}) ON CONFLICT (stem_id) DO UPDATE SET {}, {}".format(
    ", ".join(_STATED),
    ", ".join("?" * (len(_STATED) + 1)),
    ", ".join(f"{column} = excluded.{column}" for column in _STATED[1:]),
    "published = max(published, excluded.published)",
)


class Catalogue:
    """The open catalogue in the file `path`. Not shared between threads."""

    def __init__(self, path: Path, connection: sqlite3.Connection, rate_hz: int) -> None:
        self.path = path
        self.rate_hz = rate_hz
        self._connection = connection

    @classmethod
    def create(cls, path: Path, rate_hz: int) -> "Catalogue":
        """Make an empty catalogue for stems at `rate_hz`."""
        with _named_errors(path):
            claim_private(path)  # what SQLite puts beside it takes its mode
            connection = _connect(path)
            with connection:
                connection.executescript("BEGIN;" + _SCHEMA)
                connection.execute("INSERT INTO vault VALUES (?, ?)", (SCHEMA_VERSION, rate_hz))
        return cls(path, connection, rate_hz)

    @classmethod
    def open(cls, path: Path) -> "Catalogue":
        """Open the catalogue. Raises `NotAVault` or `CatalogueDamaged`."""
        if not path.is_file():
            raise NotAVault(path.parent, "vault", f"the file {path.name} (amos vault init makes it)", "none")
        with _named_errors(path):
            connection = _connect(path)
            try:
                row = connection.execute("SELECT schema_version, rate_hz FROM vault").fetchone()
            except sqlite3.OperationalError as error:
                raise NotAVault(path, "catalogue", "the tables of a vault", str(error)) from None
        if row is None or not 1 <= row[0] <= SCHEMA_VERSION:
            raise NotAVault(path, "schema version", f"1 to {SCHEMA_VERSION}", _found_version(row))
        with _named_errors(path):
            _migrate(connection)
        return cls(path, connection, row[1])

    def put(self, stems: Sequence[StemFacts], removed: Sequence[bytes] = ()) -> None:
        """Insert or update `stems` and forget those of the ids `removed`, in one transaction; when it returns they are
        durable."""
        with _named_errors(self.path), self._connection as connection:
            connection.executemany("DELETE FROM stem WHERE stem_id = ?", [(name,) for name in removed])
            for stem in stems:
                connection.execute("DELETE FROM split WHERE stem_id = ?", (stem.stem_id,))
                connection.execute("DELETE FROM composer WHERE stem_id = ?", (stem.stem_id,))
                connection.execute("DELETE FROM tag WHERE stem_id = ?", (stem.stem_id,))
                connection.execute(_UPSERT, _row(stem))
                tags = [(stem.stem_id, *tag) for tag in stem.tags]
                connection.executemany("INSERT INTO tag VALUES (?, ?, ?)", tags)
                connection.executemany(
                    "INSERT INTO split VALUES (?, ?, ?, ?)",
                    [(stem.stem_id, at, split.payee, split.ppm) for at, split in enumerate(stem.splits)],
                )
                connection.executemany(
                    "INSERT INTO composer VALUES (?, ?, ?, ?)",
                    [(stem.stem_id, at, who.name, who.ipi) for at, who in enumerate(stem.credits.composers)],
                )

    def stems(self, published_only: bool = False) -> list[StemFacts]:
        """All stems, or those that are or ever were opted in, in the order of their ids (no edit changes it)."""
        with _named_errors(self.path):
            splits: dict[bytes, list[Split]] = {}
            query = "SELECT stem_id, payee, ppm FROM split ORDER BY stem_id, position"
            for stem_id, payee, ppm in self._connection.execute(query):
                splits.setdefault(stem_id, []).append(Split(payee, ppm))
            composers: dict[bytes, list[Composer]] = {}
            query = "SELECT stem_id, name, ipi FROM composer ORDER BY stem_id, position"
            for stem_id, name, ipi in self._connection.execute(query):
                composers.setdefault(stem_id, []).append(Composer(name, ipi))
            tags: dict[bytes, list[tuple[str, str]]] = {}
            for stem_id, name, text in self._connection.execute("SELECT stem_id, name, text FROM tag ORDER BY name"):
                tags.setdefault(stem_id, []).append((name, text))
            query = f"SELECT {', '.join(_STATED)} FROM stem WHERE published >= ? ORDER BY stem_id"
            rows = self._connection.execute(query, (published_only,))
            stems = [_facts(row, splits, composers) for row in rows]
        return [replace(stem, tags=tuple(tags.get(stem.stem_id, ()))) for stem in stems]

    def opt_out(self, stem_ids: Sequence[bytes]) -> None:
        """Their artists' consent ends, in one transaction; what they are still owed stays known."""
        with _named_errors(self.path), self._connection as connection:
            connection.executemany("UPDATE stem SET opt_in = 0 WHERE stem_id = ?", [(name,) for name in stem_ids])

    def opt_in(self, stem_ids: Sequence[bytes]) -> list[bytes]:
        """The consent to these stems begins again, in one transaction: to all, or to none if there are any that are not
        here or were never opted in, which are returned."""
        names = [(name,) for name in stem_ids]
        query = "SELECT 1 FROM stem WHERE stem_id = ? AND published"
        with _named_errors(self.path), self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            never = [name for (name,) in names if connection.execute(query, (name,)).fetchone() is None]
            if not never:
                connection.executemany("UPDATE stem SET opt_in = 1 WHERE stem_id = ?", names)
        return never

    def close(self) -> None:
        """Close the file; SQLite folds the write-ahead log in."""
        self._connection.close()


def _found_version(row: tuple[int, int] | None) -> str:
    if row is None:
        return "none"
    newer = row[0] > SCHEMA_VERSION
    return f"{row[0]}, which a newer amos made: update this one" if newer else str(row[0])


def _row(stem: StemFacts) -> list[object]:
    """The values of `_UPSERT`."""
    credits = [getattr(stem.credits, column) for column in _CREDITS]
    return [*(getattr(stem, column) for column in _COLUMNS), *credits, stem.opt_in]


def _facts(
    row: Sequence[object], splits: dict[bytes, list[Split]], composers: dict[bytes, list[Composer]]
) -> StemFacts:
    fields = dict(zip(_COLUMNS, row, strict=False))
    stated = dict(zip(_CREDITS, row[len(_COLUMNS) :], strict=True))
    if stated["training"] is not None:
        stated["training"] = bool(stated["training"])
    fields["opt_in"] = bool(fields["opt_in"])
    for name in ("title", "artist"):  # a sidecar of another machine may have stated them decomposed
        fields[name] = nfc(str(fields[name]))
    stem_id = fields["stem_id"]
    assert isinstance(stem_id, bytes)
    credits = Credits(**stated, composers=tuple(composers.get(stem_id, ())))  # type: ignore[arg-type]
    return StemFacts(**fields, splits=tuple(splits.get(stem_id, ())), credits=credits)  # type: ignore[arg-type]


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to the present schema."""
    if _version(connection) == SCHEMA_VERSION:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Asked again: another process may have done it since.
        for version in range(_version(connection), SCHEMA_VERSION):
            for statement in _MIGRATIONS[version].split(";"):
                connection.execute(statement)


def _version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT schema_version FROM vault").fetchone()[0]
    return found


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT_S)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise CatalogueDamaged(path, "catalogue", "a working SQLite file", str(error)) from None
