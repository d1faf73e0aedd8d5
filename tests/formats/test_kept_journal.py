"""A ring of amos 0.1.0 whose rows were metered and not sealed: they are sealed as segment version 1, and all count.

The device's seed is 32 times the letter d; the segment had been opened in tier 3 and flushed twice.
"""

import shutil
from pathlib import Path

from amos import crypto
from amos.edges.journal_store import RESERVED_BLOCK, open_reserved
from amos.edges.sector_device import FileSectorDevice
from amos.journal.facts import Opened
from amos.journal.journal import Journal
from amos.journal.reservation import Reservation
from amos.protocol.segment import SEAL_POWER_LOSS, VERSION
from amos.protocol.usage_reader import open_usage
from amos.session.usage_log import UsageLog

KEPT = Path(__file__).parent / "kept_0_1_0" / "journal"
SEED = b"d" * 32
DEVICE_ID = crypto.key_id(crypto.public_key(SEED))


def opened(folder: Path) -> Journal:
    store = FileSectorDevice(str(folder / "journal.ring"), 0)
    reserved = open_reserved(str(folder), DEVICE_ID)
    return Journal(store, b"saltsalt", Reservation(reserved, DEVICE_ID, RESERVED_BLOCK))


def test_rows_that_0_1_0_left_unsealed_are_sealed_as_version_1(tmp_path: Path) -> None:
    shutil.copytree(KEPT, tmp_path / "player")
    journal = opened(tmp_path / "player")
    assert not journal.notes and (journal.boot, journal.session) == (1, 1)
    journal.begin_boot()
    log = UsageLog(journal, DEVICE_ID, lambda message: crypto.sign(SEED, *message.parts))
    assert log.seal_power_loss()
    usage = open_usage(journal.read(1, 0, 1 << 16), crypto.public_key(SEED), crypto.verify)
    assert (usage.version, usage.output_kind, usage.pace, usage.seed_root) == (1, None, None, None)
    assert (usage.tier, usage.reason, usage.delivered_frames, usage.silent_frames) == (3, SEAL_POWER_LOSS, 88_200, 100)
    assert [row[:3] for row in usage.rows()] == [(1, 0, 20_000), (2, 100, 60_000), (3, 70_000, 18_200)]
    journal.begin_session()
    facts = {"start_state": bytes(32), "rate_hz": 44_100, "start_ms": 0, "clock": 0, "score": bytes(32), "tier": 3}
    facts |= {"output_kind": 1, "pace": 1, "seed_root": b"r" * 32}
    journal.open(Opened(boot=journal.boot, session=journal.session, first_frame=0, pack=bytes(32), **facts))
    journal.unsealed.advance(44_100, 1_000, 0, [(1, 0, 44_100, 5)], [])
    journal.flush()
    again = opened(tmp_path / "player")
    assert not again.notes and again.last_sequence == 1
    log = UsageLog(again, DEVICE_ID, lambda message: crypto.sign(SEED, *message.parts))
    assert log.seal_power_loss()
    usage = open_usage(again.read(2, 0, 1 << 16), crypto.public_key(SEED), crypto.verify)
    assert (usage.version, usage.output_kind, usage.pace, usage.seed_root) == (VERSION, 1, 1, b"r" * 32)
