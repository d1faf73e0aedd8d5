"""A spool that an earlier version made is opened, and what is in it goes on from where it stood.

spool_schema_1.sqlite was written by the version of schema 1 before the outbox alone decided states: of one player
segments 1 (returned), 2 (receipted), 3 (refused), 4 (held), 5 (sent) and 6 (pulled), of another segment 1 (pulled).

spool_schema_3.sqlite was written by the last version of schema 3, its messages 2400 bytes each: of A segments 1 and 2
(returned, compact), 3 and 4 (returned, kept with their receipts), 5 (receipted), 6 (refused), 7 (held), 8 (sent twice)
and 9 (pulled), of B segment 1 (pulled), and of C one that a stick brought.
"""

import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from amos.protocol import answer
from amos_sync.errors import SpoolDiskFull
from amos_sync.limits import UNANSWERED_MAX
from amos_sync.outbox import Outbox, State
from amos_sync.report import report
from amos_sync.spool import Spool
from amos_sync.spool_carried import TO_STICK, Document
from amos_sync.spool_file import FILE_NAME, named
from amos_sync.spool_schema import SCHEMA_VERSION, bring_to_present

MADE_BEFORE = Path(__file__).parent / "spool_schema_1.sqlite"
MADE_BY_3 = Path(__file__).parent / "spool_schema_3.sqlite"
A, B, C = b"a" * 16, b"b" * 16, b"c" * 16


def message(sequence: int) -> bytes:
    return b"\x00segment %d" % sequence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(MADE_BEFORE, tmp_path / FILE_NAME)
    return tmp_path


def test_its_report_says_what_it_said(folder: Path) -> None:
    first, second = report(folder)["devices"]
    counts = {name: first[name] for name in ("returned", "receipted", "refused", "held", "sent", "pulled")}
    assert (first["device_id"], first["port"], first["line_bytes"]) == (A.hex(), "unix:/a", 1234)
    assert counts == dict.fromkeys(counts, 1)
    assert [(row["sequence"], row["verdict"]) for row in first["refusals"]] == [
        (3, answer.VERDICTS[answer.FORK]),
        (4, answer.VERDICTS[answer.GAP]),
    ]
    assert (second["device_id"], second["pulled"], second["segments"]) == (B.hex(), 1, 1)


def test_its_segments_go_on(folder: Path) -> None:
    kept, outbox = Spool(folder), Outbox(UNANSWERED_MAX)
    assert kept.client_id == "amos-983bcd7479bd36d7", "the broker finds its session again"
    for slot in kept.slots():
        outbox.add(slot)
    (receipted,) = [slot for slot in outbox.open_slots(A) if slot.state is State.RECEIPTED]
    assert (receipted.sequence, kept.receipt(receipted.id)) == (2, b"receipt 2")

    due = outbox.send(0, 100, 0)
    assert sorted((slot.device_id, slot.sequence) for slot in due) == [(A, 3), (A, 4), (A, 5), (A, 6), (B, 1)]
    for slot in due:
        assert kept.payload(slot.id) == message(slot.sequence)
        assert hashlib.sha256(message(slot.sequence)).digest() == slot.message_sha256
        kept.stage_sent(slot)
        outbox.answered(slot, answer.ACCEPTED, 0, 0)
        kept.stage_answer(slot, receipt=b"receipt %d" % slot.sequence)
    kept.stage_returned([*outbox.player_at(A, 6), *outbox.player_at(B, 1)])
    kept.commit()
    assert (len(outbox), kept.slots(), kept.open_entries, kept.used_bytes) == (0, [], 0, 0)
    kept.close()
    assert [(device["segments"], device["returned"]) for device in report(folder)["devices"]] == [(6, 6), (1, 1)]


@pytest.fixture
def of_3(tmp_path: Path) -> Path:
    shutil.copy(MADE_BY_3, tmp_path / FILE_NAME)
    return tmp_path


def large(sequence: int) -> bytes:
    return message(sequence).ljust(2400, b".")


def dump(file: Path) -> list[str]:
    database = sqlite3.connect(file)
    try:
        return [f"version {database.execute('PRAGMA user_version').fetchone()[0]}", *database.iterdump()]
    finally:
        database.close()


def test_of_schema_3_nothing_is_lost(of_3: Path) -> None:
    before = report(of_3)
    kept = Spool(of_3)
    assert kept.mended is None
    assert kept.client_id == "amos-2b0f1c0f4999d209"
    ids = {(slot.device_id, slot.sequence): slot for slot in kept.slots()}
    assert {key: slot.state for key, slot in ids.items()} == {
        (A, 5): State.RECEIPTED,
        (A, 6): State.REFUSED,
        (A, 7): State.HELD,
        (A, 8): State.SENT,
        (A, 9): State.PULLED,
        (B, 1): State.PULLED,
        (C, 1): State.PULLED,
    }
    for (device_id, sequence), slot in ids.items():
        assert kept.payload(slot.id) == (b"\x00carried".ljust(2400, b".") if device_id == C else large(sequence))
        assert hashlib.sha256(kept.payload(slot.id)).digest() == slot.message_sha256
    assert kept.receipt(ids[A, 5].id) == b"receipt 5"
    assert (kept.open_entries, kept.used_bytes, kept.kept_bytes) == (6, 6 * 2400, 2 * 2409)
    assert (kept.carried.entries, kept.carried.bytes, kept.carried.is_carried_for(C)) == (1, 2400, True)
    last = kept.receipted_from(0, 2)
    assert last is not None and (last.leaf_index, last.payload, last.receipt) == (103, large(3), b"receipt 3")
    assert [(slot.sequence, kept.payload(slot.id)) for slot in kept.stage_again(0, 1000)] == [
        (3, large(3)),
        (4, large(4)),
    ]
    kept.rollback()
    assert kept.head() == b"head" and kept.rotations() == [(0, b"rotation")]
    assert kept.documents.all(TO_STICK) == [Document(A, "opt-outs", b"document")]
    kept.close()
    assert report(of_3) == before


def test_an_older_one_ends_as_one_that_was_just_made(of_3: Path, folder: Path, tmp_path: Path) -> None:
    def tables(where: Path) -> list[tuple[str, str]]:
        Spool(where).close()
        database = sqlite3.connect(where / FILE_NAME)
        rows = database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        return rows

    (tmp_path / "one").mkdir()
    shutil.copy(MADE_BEFORE, tmp_path / "one" / FILE_NAME)
    shutil.copy(MADE_BY_3, of_3 / FILE_NAME)
    assert tables(of_3) == tables(tmp_path / "one") == tables(tmp_path / "fresh")


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from amos_sync.spool_schema import bring_to_present
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA cache_size = 1")  # what is staged reaches the disk before its commit
def look(statement):
    if statement.strip().startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
database.set_trace_callback(look)
bring_to_present(database, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("at", ["INSERT INTO receipts", "DROP TABLE entries", "CREATE INDEX entries_carried", "COMMIT"])
def test_a_kill_in_the_step_leaves_schema_3_whole(of_3: Path, at: str) -> None:
    file = of_3 / FILE_NAME
    before = dump(file)
    assert before[0] == "version 3"
    assert subprocess.run([sys.executable, "-c", KILLED, str(file), at], check=False).returncode == -signal.SIGKILL
    assert dump(file) == before
    kept = Spool(of_3)
    assert (kept.open_entries, kept.kept_bytes, kept.mended) == (6, 2 * 2409, None)
    kept.close()


def filled_with_kept(file: Path, count: int) -> None:
    database = sqlite3.connect(file)
    database.executemany(
        "INSERT INTO entries (device, sequence, segment_sha256, message_sha256, segment_bytes, message_bytes, state,"
        " payload, receipt, leaf_index, returned_unix_s) SELECT device, 100 + ?, segment_sha256, message_sha256,"
        " segment_bytes, message_bytes, state, payload, receipt, leaf_index, returned_unix_s FROM entries WHERE id = 4",
        [(number,) for number in range(count)],
    )
    database.commit()
    database.close()


@pytest.mark.parametrize(("pages", "there"), [(30, 7), (1000, 109)])
def test_on_a_full_disk_what_is_only_kept_gives_way_to_the_step(of_3: Path, pages: int, there: int) -> None:
    file = of_3 / FILE_NAME
    filled_with_kept(file, 100)
    database = sqlite3.connect(file, isolation_level=None)
    (count,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {count + pages}")
    bring_to_present(database, file)
    assert database.execute("SELECT count(*) FROM messages").fetchone() == (there,)
    assert database.execute("SELECT count(*) FROM entries").fetchone() == (111,)
    database.close()
    kept = Spool(of_3)
    assert (kept.open_entries, kept.mended) == (6, None)
    kept.close()


def test_on_a_disk_without_any_room_schema_3_stays_whole(of_3: Path) -> None:
    file = of_3 / FILE_NAME
    before = dump(file)
    database = sqlite3.connect(file, isolation_level=None)
    (count,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {count + 2}")
    with pytest.raises(SpoolDiskFull), named("open"):
        bring_to_present(database, file)
    database.close()
    assert dump(file) == before
    Spool(of_3).close()
    assert dump(file)[0] == f"version {SCHEMA_VERSION}"
