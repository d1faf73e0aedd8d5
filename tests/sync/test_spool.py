"""The spool: what is committed stays, what is not never was, and nobody shares it."""

import fcntl
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from amos.protocol.answer import FORK, SENTENCES
from amos_sync import limits, spool, spool_kept
from amos_sync.errors import SpoolBusy, SpoolError
from amos_sync.outbox import PULL_STATE, Slot, State
from amos_sync.report import report
from amos_sync.spool import Spool
from amos_sync.spool_file import FILE_NAME, LOCK_NAME, spool_in_use

A = b"a" * 16


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def pull(kept: Spool, sequence: int, message: bytes = b"\x00segment") -> int:
    message += sequence.to_bytes(8, "big")
    return kept.stage_pull(A, sequence, sha(message), 8, message, sha(message), PULL_STATE)


def as_it_is(id: int, state: State) -> Slot:
    """A slot as the outbox leaves it."""
    return Slot(id, A, 1, bytes(32), state)


def states(kept: Spool) -> list[tuple[int, State]]:
    return [(slot.sequence, slot.state) for slot in kept.slots()]


def test_what_is_committed_is_there_at_the_next_start(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    name = first.client_id
    id = pull(first, 1)
    payload = first.payload(id)
    first.stage_device(A, "unix:/a")
    first.commit()
    pull(first, 2)
    first.close()
    again = Spool(tmp_path)
    assert states(again) == [(1, State.PULLED)]
    assert again.payload(id) == payload
    assert again.client_id == name
    assert (again.open_entries, again.used_bytes) == (1, len(payload))
    again.close()


def test_a_rollback_leaves_no_trace(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    pull(kept, 1)
    kept.commit()
    before = kept.used_bytes
    pull(kept, 2)
    kept.rollback()
    assert states(kept) == [(1, State.PULLED)]
    assert kept.used_bytes == before
    kept.close()


def test_a_returned_entry_leaves_a_compact_row_and_can_come_back(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    kept.stage_device(A, "unix:/a")
    id = pull(kept, 7)
    kept.stage_sent(as_it_is(id, State.SENT))
    kept.stage_answer(as_it_is(id, State.RECEIPTED), receipt=b"receipt")
    kept.commit()
    assert kept.receipt(id) == b"receipt"
    kept.stage_returned([as_it_is(id, State.RETURNED)])
    kept.commit()
    assert (kept.used_bytes, kept.open_entries, states(kept)) == (0, 0, [])
    assert [held.state for held in kept.held(A, 7, 7)[7]] == [State.RETURNED]
    assert kept.kept_bytes == len(kept.payload(id)) + len(b"receipt")
    kept.stage_returned([], int(time.time()) + (limits.KEPT_DAYS + 1) * 86_400)
    with pytest.raises(SpoolError, match="expected a payload"):
        kept.payload(id)
    assert kept.kept_bytes == 0
    assert pull(kept, 7) == id
    kept.commit()
    assert states(kept) == [(7, State.PULLED)]
    kept.close()


def test_two_segments_under_one_number_are_both_kept(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    assert pull(kept, 3, b"one") != pull(kept, 3, b"other")
    kept.commit()
    assert len(kept.held(A, 1, 9)[3]) == 2
    kept.close()


def test_a_full_spool_says_so_until_receipts_make_room(tmp_path: Path) -> None:
    kept = Spool(tmp_path, bytes_max=40)
    ids = [pull(kept, number) for number in (1, 2, 3)]
    kept.commit()
    assert kept.full
    kept.stage_returned([as_it_is(id, State.RETURNED) for id in ids[:2]])
    kept.commit()
    assert not kept.full
    kept.close()


def test_a_refusal_is_kept_for_the_operator(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    kept.stage_device(A, "unix:/a")
    slot = Slot(pull(kept, 1), A, 1, bytes(32), State.REFUSED)
    slot.verdict = 3
    kept.stage_answer(slot, "seen at another venue")
    kept.commit()
    (device,) = report(tmp_path)["devices"]
    told = {"sequence": 1, "verdict": "fork", "detail": "seen at another venue", "sentence": SENTENCES[FORK]}
    assert device["refusals"] == [told]
    slot.state, slot.verdict = State.RECEIPTED, None
    kept.stage_answer(slot, receipt=b"receipt")
    kept.commit()
    assert report(tmp_path)["devices"][0]["refusals"] == []
    kept.close()


def test_another_player_on_a_known_port_is_noticed(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    assert kept.stage_device(A, "unix:/a") is None
    assert kept.stage_device(A, "unix:/a") is None
    assert kept.stage_device(b"b" * 16, "unix:/a") == A.hex()
    kept.close()


def test_one_courier_at_a_time(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    with pytest.raises(SpoolBusy, match="another courier"):
        Spool(tmp_path)
    kept.close()
    Spool(tmp_path).close()


def test_a_spool_that_is_being_made_is_none_yet(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / FILE_NAME).execute("PRAGMA journal_mode = WAL")  # as far as a courier came
    with pytest.raises(SpoolError, match="none there yet"):
        report(tmp_path)


def test_who_only_looks_whether_a_courier_runs_keeps_none_from_starting(tmp_path: Path) -> None:
    """However long the look takes: a process may be stopped in the middle of it."""
    Spool(tmp_path).close()
    looking = os.open(tmp_path / LOCK_NAME, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)  # as `spool_in_use` does
    looked = threading.Timer(0.3, os.close, (looking,))
    looked.start()
    kept = Spool(tmp_path)
    looked.join()
    assert spool_in_use(tmp_path)
    kept.close()
    assert not spool_in_use(tmp_path)


def test_a_file_that_is_no_spool_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / spool.FILE_NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(SpoolError, match="cannot be read"):
        report(tmp_path)
    kept = Spool(tmp_path)
    assert kept.mended is not None and "0 segments of it are whole" in kept.mended
    kept.close()
    assert (tmp_path / "damaged" / "1" / spool.FILE_NAME).read_bytes().startswith(b"no database at all")


def test_a_later_schema_is_refused_by_name(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / spool.FILE_NAME) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(SpoolError, match="expected schema version 4, found 9"):
        Spool(tmp_path)


def test_a_full_disk_is_an_error_by_name_and_heals(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    pull(kept, 1)
    kept.commit()
    pages = kept._database.execute("PRAGMA page_count").fetchone()[0]
    kept._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SpoolError, match="full"):
        for number in range(2, 100):
            pull(kept, number, bytes(4096))
            kept.commit()
    kept.rollback()
    kept._database.execute("PRAGMA max_page_count = 100000")
    numbers = {number for number, _state in states(kept)}
    pull(kept, 100)
    kept.commit()
    assert {number for number, _state in states(kept)} == numbers | {100}
    kept.close()


def test_old_compact_rows_are_folded_into_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs; what is kept for a ledger that loses it stays, however many rows that are."""
    monkeypatch.setattr(spool_kept, "RETURNED_ROWS_MAX", 4)
    assert limits.RETURNED_ROWS_MAX > 4
    kept = Spool(tmp_path)
    kept.stage_device(A, "unix:/a")
    ids = [pull(kept, number) for number in range(1, 11)]
    for id in ids:
        kept.stage_sent(as_it_is(id, State.SENT))
    kept.stage_returned([as_it_is(id, State.RETURNED) for id in ids[:9]])
    kept.commit()
    before = report(tmp_path)
    assert kept._database.execute("SELECT count(*) FROM entries").fetchone() == (10,)
    kept.stage_returned([], int(time.time()) + (limits.KEPT_DAYS + 1) * 86_400)
    kept.commit()
    assert kept._database.execute("SELECT count(*) FROM entries").fetchone() == (5,)
    assert report(tmp_path) == before
    kept.close()
    assert before["devices"][0]["returned"] == 9


WRITER = """
import hashlib, sys
from pathlib import Path
from amos_sync.outbox import PULL_STATE, Slot, State
from amos_sync.spool import Spool
kept = Spool(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    for _ in range(3):
        number += 1
        message = number.to_bytes(8, "big") * 40
        digest = hashlib.sha256(message).digest()
        id = kept.stage_pull(b"a" * 16, number, digest, 320, message, digest, PULL_STATE)
    slot = Slot(id, b"a" * 16, number, digest, State.RECEIPTED)
    kept.stage_answer(slot, receipt=b"receipt of " + message)
    kept.commit()
    print(number, flush=True)
"""


def test_kill_9_at_any_moment_loses_nothing_committed(tmp_path: Path) -> None:
    acknowledged = 0
    for _round in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(acknowledged + 1000)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(random.uniform(0, 0.05))
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = int(([*writer.stdout.read().split()] or [str(acknowledged + 1003)])[-1])
        writer.wait()
        kept = Spool(tmp_path)
        slots = kept.slots()
        assert acknowledged in {slot.sequence for slot in slots}
        for slot in slots:
            assert sha(kept.payload(slot.id)) == slot.message_sha256
            if slot.state is State.RECEIPTED:
                assert kept.receipt(slot.id) == b"receipt of " + kept.payload(slot.id)
        # Whole transactions only: two pulled for each receipted.
        receipted = sum(slot.state is State.RECEIPTED for slot in slots)
        assert len(slots) == 3 * receipted
        kept.close()


def returned(kept: Spool, sequence: int, leaf_index: int, unix_s: int) -> int:
    id = pull(kept, sequence)
    kept.stage_answer(as_it_is(id, State.RECEIPTED), receipt=b"receipt", leaf_index=leaf_index)
    kept.stage_returned([as_it_is(id, State.RETURNED)], unix_s)
    return id


def test_what_was_returned_is_sent_again_when_the_ledger_lost_it(tmp_path: Path) -> None:
    kept, now_s = Spool(tmp_path), int(time.time())
    for sequence in range(1, 6):
        returned(kept, sequence, 100 + sequence, now_s)
    kept.commit()
    last = kept.receipted_from(0, 0)
    assert last is not None and (last.leaf_index, last.receipt, last.device_id) == (105, b"receipt", A)
    again = kept.stage_again(102, 105)
    assert [(slot.sequence, slot.state) for slot in again] == [(2, PULL_STATE), (3, PULL_STATE), (4, PULL_STATE)]
    kept.commit()
    size = len(kept.payload(again[0].id))
    assert (kept.open_entries, kept.used_bytes, kept.kept_bytes) == (3, 3 * size, 2 * (size + len(b"receipt")))
    kept.close()
    later = Spool(tmp_path)
    assert [slot.sequence for slot in later.slots()] == [2, 3, 4]
    assert (later.open_entries, later.used_bytes, later.kept_bytes) == (3, 3 * size, 2 * (size + len(b"receipt")))
    assert later.stage_again(0, 1000)[0].sequence == 1
    later.close()


def test_what_is_kept_is_bounded_in_bytes_and_the_oldest_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, now_s = Spool(tmp_path), int(time.time())
    ids = [returned(kept, sequence, sequence, now_s + sequence) for sequence in range(1, 4)]
    monkeypatch.setattr(spool_kept, "KEPT_BYTES_MAX", kept.kept_bytes)
    ids.append(returned(kept, 4, 4, now_s + 4))
    kept.commit()
    with pytest.raises(SpoolError, match="expected a payload"):
        kept.payload(ids[0])
    assert [len(kept.payload(id)) for id in ids[1:]] == [16, 16, 16]
    assert kept.kept_bytes == 3 * (16 + len(b"receipt"))
    kept.close()


def test_only_what_is_asked_for_again_after_a_crash_may_wait_for_its_commit(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    id = spool.stage_pull(bytes(16), 1, bytes(32), 10, b"message", bytes(32), State.PULLED)
    assert spool.urgent  # it is about to be sent
    spool.commit()
    assert not spool.urgent
    slot = Slot(id, bytes(16), 1, bytes(32), State.SENT)
    spool.stage_sent(slot)
    slot.state = State.RECEIPTED
    spool.stage_answer(slot, receipt=b"receipt", leaf_index=0)
    assert spool.staged and not spool.urgent
    slot.state = State.RETURNED
    spool.stage_returned([slot])
    assert spool.urgent
    spool.rollback()
    assert not spool.urgent and [slot.state for slot in spool.slots()] == [State.PULLED]
    spool.close()
