"""What a running ledger asks of its database does not grow with what the database holds. SQLite tells its plans; the
statements are the same on PostgreSQL."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from amos.protocol.answer import ACCEPTED, DUPLICATE, GAP, UNKNOWN_PACK
from amos.protocol.segment import CLOCK_SYNCHRONISED
from amos_ledger.intake.reading import Message
from amos_ledger.limits import PAYLOADS_CACHED_MAX
from amos_ledger.store.database import Database

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)

NOON, MINUTE_MS = 1_793_534_400, 60_000
CONSTANT = {"ledger", "log_head", "closing", "manifest", "catalogue", "opt_out_list", "forgone", "rotation", "tally"}
CONSTANT |= {"delegated_opt_out_list"}
CONSTANT |= {"sqlite_master", "wanted", "asked"}
"""Tables of a few rows, however much was played, and what a statement brings itself (`store/foresight.py`)."""

SLOW = {"rollup", "quarantine"}
"""Tables that grow with months and stems, and with quarantines that ever began."""

SHORT = {"receipted_later", "wanted"}
"""Indexes and tables that hold only what waits."""


class Statements:
    """Every statement that connections opened in the meantime execute, with its values."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = _connect(*arguments, **options)
        connection.set_trace_callback(self.seen.add)
        return connection


_connect = sqlite3.connect


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    traced = Statements()
    monkeypatch.setattr(sqlite3, "connect", traced.connect)
    yield traced


def walks(database: sqlite3.Connection, sql: str) -> list[str]:
    """The steps of its plan that read a table from end to end."""
    steps = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}")]
    ordered = re.search(r"\bLIMIT 1$", sql.strip()) and not any("TEMP B-TREE" in step for step in steps)
    found = []
    for step in steps:
        if re.fullmatch(r"SCAN (\d+ )?CONSTANT ROWS?", step):
            continue
        scanned = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
        if scanned and not ordered and scanned[1] not in CONSTANT | SLOW | SHORT and scanned[2] not in SHORT:
            found.append(f"{step}: {sql}")
    return found


def live(world: Any, make_pack: Callable[..., Any]) -> None:
    """All that can become of a message, and what a service does beside."""
    ledger, device, other = world.ledger, world.device(1), world.device(2)
    dated = {"version": 2, "output_kind": 1, "pace": 1, "seed_root": bytes(32)}
    dated |= {"clock": CLOCK_SYNCHRONISED, "anchor_unix_ms": NOON * 1000, "anchor_ms": 0}
    assert ledger.date([Message.of(device.topic("time"), bytes(16))], NOON * 1000) != [None]
    first, second, third, fourth = (device.seal(**dated) for _ in range(4))
    verdicts = [answer.verdict for answer in world.take(device, first, fourth, first)]
    assert verdicts == [ACCEPTED, GAP, DUPLICATE]
    assert ACCEPTED in [answer.verdict for answer in world.take(device, third, second)]
    with sqlite3.connect(world.folder.store_path) as database:
        [root] = database.execute("SELECT root FROM head LIMIT 1").fetchone()
    rooted = dated | {"boot": 2, "session": 2, "first_frame": 0, "start_ms": 0, "end_ms": MINUTE_MS, "seed_root": root}
    rooted |= {"clock": 0, "anchor_unix_ms": None, "anchor_ms": None}
    world.take(device, device.seal(**rooted))
    skipped = {"sequence": 3, "lost_reason": 1, "lost_first": 1, "lost_last": 2, "previous": bytes(32)}
    strange = make_pack(world.publisher, 9, serial=2)
    changes = (skipped, {"pack": strange.id, "session": 3, "boot": 1})
    taken = world.take(other, *(other.seal(**change) for change in changes))
    assert [answer.verdict for answer in taken] == [ACCEPTED, UNKNOWN_PACK]
    world.publish(strange)
    assert ledger.tick()
    twin, sequence = other.seal(underruns=1), other.sequence
    other.sequence, other.previous = sequence - 2, bytes(32)
    assert ACCEPTED not in [answer.verdict for answer in world.take(other, other.seal(), twin)]  # evidence
    note = (world.folder.public / "checkpoint").read_bytes()
    assert world.restart() == [] and world.ledger.hear([note])
    world.ledger.date(
        [Message.of(device.topic("time"), bytes(16))], (NOON + 403 * 86_400) * 1000
    )  # forgets old anchors
    assert world.ledger.trouble is None and world.ledger.forgone() is None


def test_no_query_of_a_running_ledger_walks_through_a_table_that_grows(
    world: Any, make_pack: Callable[..., Any], statements: Statements
) -> None:
    world.restart()
    live(world, make_pack)
    world.ledger.close()
    asked = {sql for sql in statements.seen if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b", sql)}
    assert len(asked) > 100 and {
        table for table in ("usage", "node", "anchor", "held") for sql in asked if table in sql
    }
    with _connect(world.folder.store_path) as database:
        assert "\n".join(step for sql in sorted(asked) for step in walks(database, sql)) == ""


def test_a_walk_is_seen(world: Any) -> None:
    """Queries that read a table from end to end, and others that only seem to."""
    with _connect(world.folder.store_path) as database:
        for sql in (
            "SELECT count(*) FROM usage",
            "SELECT 1 FROM entry WHERE bytes = x'00'",
            "SELECT root FROM head ORDER BY root LIMIT 1",
            "SELECT unix_s FROM batch ORDER BY unix_s LIMIT 1",
        ):
            assert bool(walks(database, sql)) == ("root" not in sql), sql
        for sql in ("SELECT unix_s FROM batch ORDER BY leaf_index DESC LIMIT 1", "SELECT max(leaf_index) FROM entry"):
            assert walks(database, sql) == []


def test_a_batch_of_many_devices_is_written_in_few_statements(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the segments before its own are not in memory any more."""
    written: list[int] = []
    write = Database.write_waiting

    def counted(database: Database) -> None:
        written.append(bool(database._waiting or database._gathered))
        write(database)

    devices = [world.device(number) for number in range(1, 21)]
    monkeypatch.setattr("amos_ledger.store.chain.PAYLOADS_CACHED_MAX", len(devices) // 2)
    assert len(devices) < PAYLOADS_CACHED_MAX
    for _ in range(2):
        messages = [device.message(device.seal()) for device in devices]
        written.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Database, "write_waiting", counted)
            replies = world.ledger.take(messages, NOON)
        assert {reply.answer.verdict for reply in replies} == {ACCEPTED}
    assert sum(written) < len(devices) // 2
