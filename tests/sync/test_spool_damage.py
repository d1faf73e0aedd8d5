"""A spool whose card fails: start-up needs nobody, what is whole goes on, and what is not the players send again."""

import hashlib
import random
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import Patience
from sync_brokers import TestBroker
from sync_ledgers import FakeLedger, truthful
from sync_players import FakePlayer, PlayerThread, sealed

from amos.protocol.envelope_host import wrap
from amos_mqtt.broker import Broker
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.errors import SpoolError
from amos_sync.limits import UNANSWERED_MAX
from amos_sync.notes import Notes
from amos_sync.outbox import Outbox, State
from amos_sync.spool import Spool
from amos_sync.spool_damage import KEPT_MAX
from amos_sync.spool_file import FILE_NAME

SEEDS = 60
SEED = b"d" * 32
SEGMENTS = sealed(SEED, 40)
DEVICE = FakePlayer(SEED, []).device_id


def fill(folder: Path) -> None:
    spool, outbox = Spool(folder), Outbox(UNANSWERED_MAX)
    spool.stage_device(DEVICE, "unix:/p")
    for sequence, segment in enumerate(SEGMENTS, 1):
        message = wrap(segment)
        sha256 = hashlib.sha256(message).digest()
        segment_sha256 = hashlib.sha256(segment).digest()
        spool.stage_pull(DEVICE, sequence, segment_sha256, len(segment), message, sha256, State.PULLED)
    spool.commit()
    for slot in spool.slots():
        outbox.add(slot)
    for slot in outbox.send(0, 20, 0):
        spool.stage_sent(slot)
        outbox.answered(slot, 0, 0, 0)
        spool.stage_answer(slot, receipt=b"receipt", leaf_index=slot.sequence)
    spool.stage_returned(outbox.player_at(DEVICE, 10))
    spool.commit()
    spool.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


@pytest.mark.parametrize("file", [FILE_NAME, FILE_NAME + "-wal"])
@pytest.mark.parametrize("seed", range(SEEDS // 2))
def test_random_bytes_anywhere(filled: Path, tmp_path: Path, seed: int, file: str) -> None:
    """It opens, and what it has is what was put there, or is found out when it is to be sent."""
    chance = random.Random(f"{seed} {file}")
    shutil.copytree(filled, tmp_path / "spool")
    if file != FILE_NAME:  # a log that no checkpoint has taken in
        shutil.copytree(filled, tmp_path / "open")
        database = sqlite3.connect(tmp_path / "open" / FILE_NAME)
        database.execute("UPDATE entries SET sends = sends + 1")
        database.commit()
        for name in (FILE_NAME, file):
            shutil.copy(tmp_path / "open" / name, tmp_path / "spool" / name)
        database.close()
    path = tmp_path / "spool" / file
    data = bytearray(path.read_bytes())
    for _turn in range(chance.choice((1, 5, 100))):
        at = chance.randrange(len(data))
        data[at : at + 8] = chance.randbytes(min(8, len(data) - at))
    if chance.random() < 0.2:
        del data[chance.randrange(len(data)) :]
    path.write_bytes(data)
    try:
        spool = Spool(tmp_path / "spool")
    except SpoolError as error:
        assert "expected schema version" in str(error)  # four bytes that may well be a later version's
        return
    for slot in spool.slots():
        if slot.state is State.PULLED and hashlib.sha256(spool.payload(slot.id)).digest() != slot.message_sha256:
            spool.set_aside()
            break
    for slot in spool.slots():
        payload = spool.payload(slot.id)
        if hashlib.sha256(payload).digest() == slot.message_sha256:
            assert payload in [wrap(segment) for segment in SEGMENTS]
    spool.stage_head(b"it can be written")
    spool.commit()
    spool.close()
    Spool(tmp_path / "spool").close()


def test_a_format_that_sqlite_never_had_is_damage(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "spool")
    with (tmp_path / "spool" / FILE_NAME).open("r+b") as file:
        file.seek(44)
        file.write(b"\xff\xff\xff\xff")
    spool = Spool(tmp_path / "spool")
    assert spool.mended is not None
    spool.close()


def test_what_is_whole_is_saved_with_its_name_at_the_broker(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "spool")
    spool = Spool(tmp_path / "spool")
    client_id, before = spool.client_id, [(slot.sequence, slot.state) for slot in spool.slots()]
    kept_bytes = spool.kept_bytes
    spool.set_aside()
    assert spool.mended is not None and "40 segments of it are whole" in spool.mended
    assert spool.client_id == client_id
    assert [(slot.sequence, slot.state) for slot in spool.slots()] == before
    assert (spool.kept_bytes, spool.open_entries) == (kept_bytes, 30)
    for _turn in range(4):
        spool.set_aside()
    assert len(list((tmp_path / "spool" / "damaged").iterdir())) == KEPT_MAX
    spool.close()


def as_schema_3(file: Path) -> None:
    """The spool as the version before had it, with messages and receipts in the entries."""
    new = sqlite3.connect(file)
    new.executescript(
        "DROP INDEX entries_kept; DROP INDEX entries_compact; DROP INDEX entries_receipted;"
        " ALTER TABLE entries ADD COLUMN payload BLOB; ALTER TABLE entries ADD COLUMN receipt BLOB;"
        " UPDATE entries SET payload = (SELECT payload FROM messages WHERE messages.id = entries.id),"
        " receipt = (SELECT receipt FROM receipts WHERE receipts.id = entries.id);"
        " ALTER TABLE entries DROP COLUMN held_bytes; DROP TABLE messages; DROP TABLE receipts;"
        " PRAGMA user_version = 3"
    )
    new.close()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("UPDATE entries SET message_bytes = 7 WHERE id = 40", id="found after the step"),
        pytest.param("CREATE TABLE messages (id)", id="found in the step"),
    ],
)
def test_of_a_damaged_one_of_schema_3_what_is_whole_is_saved(filled: Path, tmp_path: Path, damage: str) -> None:
    """Its messages are looked for where that version had them, or where they lie after the step."""
    shutil.copytree(filled, tmp_path / "spool")
    file = tmp_path / "spool" / FILE_NAME
    as_schema_3(file)
    database = sqlite3.connect(file)
    database.executescript(damage)
    database.close()
    spool = Spool(tmp_path / "spool")
    count = 39 if "message_bytes" in damage else 40
    assert spool.mended is not None and f"{count} segments of it are whole" in spool.mended
    assert {hashlib.sha256(spool.payload(slot.id)).digest() == slot.message_sha256 for slot in spool.slots()} == {True}
    spool.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PlayerThread]:
    line = PlayerThread(FakePlayer(SEED, SEGMENTS), f"unix:{tmp_path}/p")
    yield line
    line.stop()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("UPDATE messages SET payload = x'00ff' || substr(payload, 3) WHERE id = 40", id="a payload"),
        pytest.param("DELETE FROM messages WHERE id = 40", id="a message that is gone"),
        pytest.param("DELETE FROM receipts WHERE id = 15", id="a receipt that is gone"),
        pytest.param("DROP TABLE messages", id="all messages"),
        pytest.param("UPDATE entries SET message_sha256 = zeroblob(32) WHERE sequence = 40", id="a hash"),
        pytest.param("UPDATE entries SET sequence = 31000 WHERE sequence = 40", id="a number"),
        pytest.param("UPDATE entries SET state = 77 WHERE sequence = 40", id="a state"),
        pytest.param("UPDATE entries SET device = x'00' WHERE sequence = 40", id="a device"),
        pytest.param("DROP TABLE facts", id="a table"),
        pytest.param("PRAGMA user_version = -7", id="the version"),
    ],
)
def test_everything_reaches_the_ledger_all_the_same(
    filled: Path, tmp_path: Path, broker: TestBroker, line: PlayerThread, damage: str
) -> None:
    shutil.copytree(filled, tmp_path / "spool")
    with sqlite3.connect(tmp_path / "spool" / FILE_NAME) as database:
        # Of its own at the broker, which keeps what came for it.
        database.execute("UPDATE facts SET value = ? WHERE name = 'client_id'", ("amos-" + secrets.token_hex(8),))
        database.execute(damage)
    database.close()
    ledger = FakeLedger(broker.port, {DEVICE: line.player.public_key}, truthful)
    said: list[str] = []
    courier = Courier(
        Settings("cafe", (line.address,), Broker("127.0.0.1", broker.port), tmp_path / "spool"), Notes(said.append)
    )
    try:
        patience = Patience()
        while line.player.segments:
            assert patience.lasts(), "\n".join([*courier.missing(), *said])
            courier.turn(50)
    finally:
        courier.close()
        ledger.stop()
    assert any("is set aside as" in sentence for sentence in said), said
    assert hashlib.sha256(SEGMENTS[39]).digest() in ledger.segments
