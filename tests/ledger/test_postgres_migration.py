"""A ledger whose PostgreSQL database an earlier version made opens, and goes on, as if this one had made it."""

import hashlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from patience import wait_until
from settled_world import OPERATOR, PUBLISHER, RATES, Player, unix_s

from amos.crypto import public_key
from amos.protocol.answer import ACCEPTED
from amos.protocol.envelope_host import wrap
from amos.protocol.topics import USAGE, device_topic
from amos_ledger.folder import Folder, init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.scrub import scrub
from amos_ledger.store import migration
from amos_ledger.store.database import Database, marks
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.store.schema import SCHEMA_VERSION
from amos_ledger.store.store import Store
from amos_tools.postgres_server import Server

KEPT = Path(__file__).parent / "kept"
SEGMENTS = 6

COLUMNS = """
SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = ? ORDER BY table_name, ordinal_position
"""
INDEXES = """
SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = ? AND NOT EXISTS
    (SELECT 1 FROM pg_constraint WHERE conindid = to_regclass(schemaname || '.' || indexname)) ORDER BY indexname
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = to_regnamespace(?) ORDER BY 1, 2
"""


@pytest.fixture
def folder(tmp_path: Path, postgres: Server) -> Iterator[Folder]:
    """The kept ledger of schema 7, with its tables and rows in a PostgreSQL database, as that version made them."""
    shutil.unpack_archive(KEPT / "schema_7.tar.gz", tmp_path)
    path, url = tmp_path / "ledger", postgres.database()
    with (
        closing(sqlite3.connect(path / "ledger.sqlite")) as kept,
        closing(PostgresPlace(url).open(create=True)) as made,
    ):
        defined = kept.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()
        with made.transaction():
            for kind, name, sql in defined:
                made.run_script(sql)
                rows = kept.execute(f"SELECT * FROM {name}").fetchall() if kind == "table" else []
                if rows:
                    made.run_many(f"INSERT INTO {name} VALUES ({marks(len(rows[0]))})", rows)
    for file in path.glob("ledger.sqlite*"):
        file.unlink()
    (path / "database").write_text(url + "\n")
    (path / "database").chmod(0o600)
    yield Folder(path)
    postgres.drop(url)


def layout(place: PostgresPlace) -> list[list[tuple[Any, ...]]]:
    """Columns in their order, indexes, and constraints, which the server names as it likes and keeps an index for."""
    with closing(place.open()) as database:
        return [database.rows(sql, (place.schema,)) for sql in (COLUMNS, INDEXES, CONSTRAINTS)]


def place_of(folder: Folder) -> PostgresPlace:
    assert isinstance(folder.place, PostgresPlace)
    return folder.place


def version(place: PostgresPlace) -> int:
    with closing(place.open()) as database:
        return int(database.rows("SELECT schema_version FROM ledger")[0][0])


def usage_rows(place: PostgresPlace) -> list[tuple[Any, ...]]:
    columns = (
        "leaf_index, device_id, sequence, sha256, previous, period, received_unix_s, site, sounding, start_unix_ms"
    )
    with closing(place.open()) as database:
        return database.rows(f"SELECT {columns} FROM usage ORDER BY leaf_index")


def next_segments(folder: Folder) -> list[tuple[Player, bytes]]:
    """What its players play next."""
    found = []
    for at, rate_hz in enumerate(RATES):
        player = Player(bytes([65 + at]) * 32, f"bar-{at}", rate_hz)
        (leaf,) = (row[0] for row in usage_rows(place_of(folder)) if row[1] == player.device and row[2] == 3)
        with folder.open_store() as store:
            last, entry = store.log.usage(leaf), store.log.entry(leaf)
        player.sequence, player.previous, player.end_frame = 3, hashlib.sha256(entry).digest(), last.end_frame
        found.append((player, player.play([(1, 4_410)], unix_s(2026, 12, 3))))
    return found


def test_its_tables_become_those_of_a_ledger_that_is_made_today(
    folder: Folder, tmp_path: Path, postgres: Server
) -> None:
    place, before = place_of(folder), usage_rows(place_of(folder))
    assert (version(place), len(before)) == (7, SEGMENTS)
    folder.open_store().close()
    assert (version(place), usage_rows(place)) == (SCHEMA_VERSION, before)
    keys = public_key(OPERATOR), public_key(PUBLISHER)
    made = init_folder(tmp_path / "made", folder.trust.origin, *keys, postgres.database())
    assert layout(place) == layout(place_of(made))


def test_it_takes_the_next_batch_and_nothing_is_wrong_with_it(folder: Folder) -> None:
    played = next_segments(folder)
    messages = [Message.of(device_topic("cafe", player.device, USAGE), wrap(segment)) for player, segment in played]
    ledger = Ledger(folder)
    assert [reply.answer.verdict for reply in ledger.take(messages, unix_s(2026, 12, 4))] == [ACCEPTED, ACCEPTED]
    ledger.close()
    assert len(usage_rows(place_of(folder))) == SEGMENTS + 2
    assert scrub(folder) == []


def test_two_that_open_it_at_once_bring_it_on_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers on other machines begin together after an update."""
    place, step = place_of(folder), migration._STEPS[7]
    began: list[int] = []
    failed: list[Exception] = []

    def opened() -> None:
        try:
            Store(place).close()
        except Exception as error:
            failed.append(error)

    other = threading.Thread(target=opened)

    def waits_or_began() -> bool:
        with closing(place.open()) as database:
            return len(began) > 1 or bool(database.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))

    def watched(database: Database, now_ms: int) -> None:
        began.append(now_ms)
        if len(began) == 1:
            other.start()
            wait_until(waits_or_began, "the other process")
        step(database, now_ms)

    monkeypatch.setitem(migration._STEPS, 7, watched)
    opened()
    other.join()
    assert (failed, len(began), version(place)) == ([], 1, SCHEMA_VERSION)
