"""A spool stays flat on its card: what it lets go of makes room for what comes, while it runs."""

import hashlib
import time
from pathlib import Path

import pytest

from amos_sync import limits, spool_kept
from amos_sync.outbox import PULL_STATE, Slot, State
from amos_sync.report import report
from amos_sync.spool import Spool

DEVICES = [bytes([number]) * 16 for number in range(4)]
ROUND = 25
ROUNDS = 40
BYTES = 2400


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setattr(spool_kept, "KEPT_BYTES_MAX", 300_000)
    monkeypatch.setattr(spool_kept, "RETURNED_ROWS_MAX", 20)
    kept = Spool(tmp_path)
    kept._database.execute("PRAGMA synchronous = OFF")  # it is about pages, and not about power
    for number, device_id in enumerate(DEVICES):
        kept.stage_device(device_id, f"unix:/{number}")
    return kept


def segments_go_through(kept: Spool, first: int, receipt: bytes = b"r" * 600) -> None:
    """A round of each device is pulled, sent, receipted and returned."""
    for device_id in DEVICES:
        slots = []
        for sequence in range(first, first + ROUND):
            message = (device_id + sequence.to_bytes(8, "big")) * (BYTES // 24)
            sha256 = hashlib.sha256(message).digest()
            id = kept.stage_pull(device_id, sequence, sha256, BYTES, message, sha256, PULL_STATE)
            slot = Slot(id, device_id, sequence, sha256, State.SENT)
            slot.unnoted_sends = 1
            kept.stage_sent(slot)
            slot.state = State.RECEIPTED
            kept.stage_answer(slot, receipt=receipt, leaf_index=id)
            slot.state = State.RETURNED
            slots.append(slot)
        kept.stage_returned(slots, int(time.time()) + first)
    kept.commit()


def pages(kept: Spool) -> int:
    return int(kept._database.execute("PRAGMA page_count").fetchone()[0])


def test_the_file_stays_flat_while_thousands_go_through(kept: Spool) -> None:
    early = 0
    for number in range(ROUNDS):
        segments_go_through(kept, 1 + number * ROUND)
        if number == ROUNDS // 4:
            early = pages(kept)
    assert pages(kept) <= early * 1.1
    assert kept.kept_bytes <= 300_000
    (count,) = kept._database.execute("SELECT count(*) FROM entries").fetchone()
    held = kept._database.execute("SELECT count(*) FROM messages").fetchone()[0]
    assert count <= held + 4 * 20
    assert held == kept._database.execute("SELECT count(*) FROM receipts").fetchone()[0] == 300_000 // (BYTES + 600)
    kept.close()
    for device in report(kept.folder)["devices"]:
        assert (device["returned"], device["segments"], device["sends"]) == (ROUNDS * ROUND,) * 3
        assert device["message_bytes"] == device["sent_bytes"] == ROUNDS * ROUND * BYTES
        assert device["last_sequence"] == ROUNDS * ROUND


def test_receipts_count_in_what_is_kept(kept: Spool) -> None:
    segments_go_through(kept, 1, receipt=b"r" * 10_000)
    assert 0 < kept.kept_bytes <= 300_000
    before = kept.kept_bytes
    kept.rollback()
    assert kept.kept_bytes == before, "as the file has it"
    kept.close()


def test_what_is_too_many_goes_in_small_steps(kept: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_kept, "KEPT_BYTES_MAX", limits.KEPT_BYTES_MAX)
    segments_go_through(kept, 1)
    segments_go_through(kept, 1 + ROUND)
    late_s = int(time.time()) + (limits.KEPT_DAYS + 1) * 86_400
    for step in range(1, 5):
        kept.stage_returned([], late_s)
        held = kept._database.execute("SELECT count(*) FROM messages").fetchone()[0]
        assert held == 2 * ROUND * len(DEVICES) - step * limits.LET_GO_AT_ONCE
    kept.close()


def test_a_change_of_state_writes_no_message_anew(kept: Spool) -> None:
    """Of a large message one page is written, or a few, and not all that it lies on."""
    message = bytes(200_000)
    id = kept.stage_pull(DEVICES[0], 1, bytes(32), 10, message, bytes(32), PULL_STATE)
    kept.commit()
    kept._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    slot = Slot(id, DEVICES[0], 1, bytes(32), State.SENT)
    kept.stage_sent(slot)
    slot.state = State.RECEIPTED
    kept.stage_answer(slot, receipt=b"receipt", leaf_index=7)
    kept.commit()
    (_busy, written, _checkpointed) = kept._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert written < 10
    kept.close()


def test_a_kept_segment_that_is_pulled_again_is_no_longer_only_kept(kept: Spool) -> None:
    segments_go_through(kept, 1)
    before, opened = kept.kept_bytes, kept.open_entries
    sequence = ROUND
    message = (DEVICES[3] + sequence.to_bytes(8, "big")) * (BYTES // 24)
    sha256 = hashlib.sha256(message).digest()
    id = kept.stage_pull(DEVICES[3], sequence, sha256, BYTES, message, sha256, PULL_STATE)
    kept.commit()
    assert (kept.kept_bytes, kept.open_entries) == (before - BYTES - 600, opened + 1)
    assert kept.payload(id) == message
    kept.rollback()
    assert (kept.kept_bytes, kept.open_entries) == (before - BYTES - 600, opened + 1), "as the file has it"
    kept.close()
