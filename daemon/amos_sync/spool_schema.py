"""The tables of a spool, and how those of an earlier version are brought to the present in one transaction.

An entry is a small row; its message and its receipt lie in tables of their own. So a change of its state writes no
message anew, and letting go of a message deletes a row, whose pages SQLite uses again.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path

from amos.protocol.errors import ProtocolError
from amos.protocol.receipt import parse_receipt
from amos_sync.errors import SpoolDamaged, SpoolError
from amos_sync.spool_damage import check

SCHEMA_VERSION = 4
VERSIONS_MAX = 99
"""Beyond it a number is damage, and no later version's."""

_KEPT_SCHEMA = """
ALTER TABLE entries ADD COLUMN leaf_index INTEGER;
ALTER TABLE entries ADD COLUMN returned_unix_s INTEGER;
CREATE INDEX entries_kept ON entries (returned_unix_s) WHERE state = 6 AND payload IS NOT NULL;
CREATE INDEX entries_receipted ON entries (leaf_index) WHERE payload IS NOT NULL AND receipt IS NOT NULL;
"""

_CARRIED_SCHEMA = """
ALTER TABLE entries ADD COLUMN carried_unix_s INTEGER;
CREATE INDEX entries_carried ON entries (device, sequence) WHERE carried_unix_s IS NOT NULL;
CREATE TABLE carried_devices (device BLOB PRIMARY KEY, site TEXT NOT NULL, unix_s INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    device BLOB NOT NULL, name TEXT NOT NULL, source INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (device, name, source)
) WITHOUT ROWID;
"""

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE devices (
    device BLOB PRIMARY KEY, port TEXT NOT NULL, line_bytes INTEGER NOT NULL DEFAULT 0,
    folded_segments INTEGER NOT NULL DEFAULT 0, folded_segment_bytes INTEGER NOT NULL DEFAULT 0,
    folded_message_bytes INTEGER NOT NULL DEFAULT 0, folded_sends INTEGER NOT NULL DEFAULT 0,
    folded_sent_bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, device BLOB NOT NULL, sequence INTEGER NOT NULL, segment_sha256 BLOB NOT NULL,
    message_sha256 BLOB NOT NULL, segment_bytes INTEGER NOT NULL, message_bytes INTEGER NOT NULL,
    state INTEGER NOT NULL, sends INTEGER NOT NULL DEFAULT 0, verdict INTEGER, detail TEXT,
    payload BLOB, receipt BLOB,
    UNIQUE (device, sequence, segment_sha256)
);
CREATE INDEX entries_open ON entries (device, sequence) WHERE state != 6;
"""

_SPLIT_SCHEMA = """
CREATE TABLE messages (id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE receipts (id INTEGER PRIMARY KEY, receipt BLOB NOT NULL);
CREATE TABLE entries_split (
    id INTEGER PRIMARY KEY, device BLOB NOT NULL, sequence INTEGER NOT NULL, segment_sha256 BLOB NOT NULL,
    message_sha256 BLOB NOT NULL, segment_bytes INTEGER NOT NULL, message_bytes INTEGER NOT NULL,
    held_bytes INTEGER NOT NULL, state INTEGER NOT NULL, sends INTEGER NOT NULL DEFAULT 0, verdict INTEGER, detail TEXT,
    leaf_index INTEGER, returned_unix_s INTEGER, carried_unix_s INTEGER,
    UNIQUE (device, sequence, segment_sha256)
);
"""
"""`held_bytes` are those of an entry's message and receipt, as long as they are there; a compact row has 0."""

_SPLIT_DONE = """
DROP TABLE entries;
ALTER TABLE entries_split RENAME TO entries;
CREATE INDEX entries_open ON entries (device, sequence) WHERE state != 6;
CREATE INDEX entries_kept ON entries (returned_unix_s) WHERE state = 6 AND held_bytes > 0;
CREATE INDEX entries_compact ON entries (device) WHERE state = 6 AND held_bytes = 0;
CREATE INDEX entries_receipted ON entries (leaf_index) WHERE leaf_index IS NOT NULL AND held_bytes > 0;
CREATE INDEX entries_carried ON entries (device, sequence) WHERE carried_unix_s IS NOT NULL;
"""


def bring_to_present(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or those that are missing. A crash in it leaves the file as it was. Raises `SpoolError` for one
    that is later."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= VERSIONS_MAX:
        raise SpoolDamaged(f"spool {path}: expected schema version {SCHEMA_VERSION}, found {version}")
    if version > SCHEMA_VERSION:
        raise SpoolError(f"spool {path}: expected schema version {SCHEMA_VERSION}, found {version}")
    if version == SCHEMA_VERSION:
        return
    if version:
        check(database)  # of a damaged file, pages that are in use might be given back
    try:
        try:
            _step(database, version, keeps=True)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            if database.in_transaction:
                database.execute("ROLLBACK")
            _step(database, version, keeps=False)  # what is only kept gives way
    except (sqlite3.IntegrityError, TypeError) as error:
        raise SpoolDamaged(f"spool {path}: damaged: {error}") from error
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # the log of a large step is as large as its tables


def _step(database: sqlite3.Connection, version: int, keeps: bool) -> None:
    database.execute("BEGIN IMMEDIATE")
    for number, step in enumerate((_SCHEMA, _KEPT_SCHEMA, _CARRIED_SCHEMA, _SPLIT_SCHEMA)[version:], version + 1):
        _run(database, step)
        if number == 2:
            _note_leaves(database)
    _split(database, keeps)
    _run(database, _SPLIT_DONE)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.execute("COMMIT")


def _run(database: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):  # `executescript` would commit first
        database.execute(statement)


def _split(database: sqlite3.Connection, keeps: bool) -> None:
    """In one pass: on a card a large spool takes a minute to read. A receipt that came before the ledger was asked
    again stays behind: another one is on its way. Without `keeps` so does what is only kept."""
    for *row, state, leaf_index, payload, receipt in database.execute(
        "SELECT id, device, sequence, segment_sha256, message_sha256, segment_bytes, message_bytes, sends, verdict,"
        " detail, returned_unix_s, carried_unix_s, state, leaf_index, payload, receipt FROM entries ORDER BY id"
    ):
        stays = payload is not None and (keeps or state != 6)
        has_receipt = stays and receipt is not None and state in (5, 6)
        held_bytes = (len(payload) if stays else 0) + (len(receipt) if has_receipt else 0)
        database.execute(
            "INSERT INTO entries_split (id, device, sequence, segment_sha256, message_sha256, segment_bytes,"
            " message_bytes, sends, verdict, detail, returned_unix_s, carried_unix_s, state, leaf_index, held_bytes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, state, leaf_index if state in (5, 6) else None, held_bytes),
        )
        if stays:
            database.execute("INSERT INTO messages VALUES (?, ?)", (row[0], payload))
        if has_receipt:
            database.execute("INSERT INTO receipts VALUES (?, ?)", (row[0], receipt))


def _note_leaves(database: sqlite3.Connection) -> None:
    """Version 1 kept receipts of segments on their way to players, without where they stand in the log."""
    rows = database.execute("SELECT id, receipt FROM entries WHERE receipt IS NOT NULL").fetchall()
    for id, receipt in rows:
        with suppress(ProtocolError):
            leaf_index = parse_receipt(receipt).leaf_index
            database.execute("UPDATE entries SET leaf_index = ? WHERE id = ?", (leaf_index, id))
