"""A spool that an earlier version made is opened, and what is in it goes on from where it stood.

spool_schema_1.sqlite was written by the version of schema 1 before the outbox alone decided states: of one player
segments 1 (returned), 2 (receipted), 3 (refused), 4 (held), 5 (sent) and 6 (pulled), of another segment 1 (pulled).
"""

import hashlib
import shutil
from pathlib import Path

import pytest

from amos.protocol import answer
from amos_sync.limits import UNANSWERED_MAX
from amos_sync.outbox import Outbox, State
from amos_sync.report import report
from amos_sync.spool import Spool
from amos_sync.spool_file import FILE_NAME

MADE_BEFORE = Path(__file__).parent / "spool_schema_1.sqlite"
A, B = b"a" * 16, b"b" * 16


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
