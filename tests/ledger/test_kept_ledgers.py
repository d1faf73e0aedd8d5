"""Ledgers that earlier versions left behind open, and go on, as if this one had made them.

`kept/schema_N.tar.gz` is a ledger's folder as version N of the database's schema wrote it: two players, two packs, six
segments, and November 2026 closed with 1,000 EUR. A change that cannot read them needs a version bump and a migration,
and these files stay as they are.
"""

import gzip
import json
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from audited import audited
from go_log import GoLog
from statement_bytes import statement_bytes

from amos.crypto import public_key
from amos.protocol.answer import DUPLICATE
from amos.protocol.closing import VERSION_LISTED
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.envelope_host import wrap
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.receipt import parse_receipt
from amos.protocol.signing import sign_receipt
from amos.protocol.topics import USAGE, device_topic
from amos_ledger import registry
from amos_ledger.closings import opened
from amos_ledger.folder import Folder, init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.log import tree
from amos_ledger.receipts import check_receipt
from amos_ledger.records import SeedRoot
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement.statement import compact_bytes
from amos_ledger.store.schema import SCHEMA_VERSION
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published

KEPT = Path(__file__).parent / "kept"
OPERATOR, PUBLISHER = b"o" * 32, b"p" * 32
SEGMENTS = 6
LOG_SIZES = {2: 13, 3: 14, 4: 14, 5: 14, 6: 14, 7: 14, 8: 14, 9: 14, 10: 14}
"""The genesis, two enrolments, the segments, the closing, documents; since version 3 a batch entry."""


@pytest.fixture(params=[2, 3, 4, 5, 6, 7, 8, 9, 10])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    shutil.unpack_archive(KEPT / f"schema_{request.param}.tar.gz", tmp_path)
    return Folder(tmp_path / "ledger")


@pytest.fixture
def older(tmp_path: Path) -> Folder:
    """One that was not opened since version 2."""
    shutil.unpack_archive(KEPT / "schema_2.tar.gz", tmp_path)
    return Folder(tmp_path / "ledger")


def published_files(folder: Folder) -> dict[str, bytes]:
    files = (path for path in folder.public.rglob("*") if path.is_file())
    return {str(path.relative_to(folder.public)): path.read_bytes() for path in files}


def usage_of(folder: Folder) -> list[bytes]:
    """The usage segments in the log."""
    with folder.open_store() as store:
        entries = [entry for _index, entry in store.entries(0, store.size())]
    segments = []
    for entry in entries:
        try:
            parse_typed(entry, TYP_USAGE, SEGMENT_BYTES_MAX)
        except ProtocolError:
            continue
        segments.append(entry)
    return segments


def test_the_schema_in_use_has_a_kept_ledger() -> None:
    assert (KEPT / f"schema_{SCHEMA_VERSION}.tar.gz").is_file()


def test_it_opens_with_all_that_it_had(folder: Folder) -> None:
    with folder.open_store() as store:
        totals = store.totals()
        assert (totals.accepted, store.closed_periods()) == (SEGMENTS, {"2026-11"})
        assert totals.log_size in LOG_SIZES.values()
        assert [device.name for device in totals.devices] == ["bar-0", "bar-1"]


def layout(database: sqlite3.Connection) -> dict[str, object]:
    """Columns of every table in their order, and its indexes with what is in each."""
    found: dict[str, object] = {}
    for name, kind in database.execute("SELECT name, type FROM sqlite_master").fetchall():
        rows = database.execute(f"PRAGMA {'index_xinfo' if kind == 'index' else 'table_info'}({name})").fetchall()
        found[name] = [(row[2], row[5] if kind == "index" else row[5] > 0) for row in rows]
    return found


def test_its_tables_become_those_of_a_ledger_that_is_made_today(folder: Folder, tmp_path: Path) -> None:
    folder.open_store().close()
    made = init_folder(tmp_path / "made", folder.trust.origin, public_key(OPERATOR), public_key(PUBLISHER))
    with sqlite3.connect(folder.store_path) as brought, sqlite3.connect(made.store_path) as database:
        assert layout(brought) == layout(database)


def without_detail(data: bytes) -> bytes:
    """A statement as it was before it told days and venues, which no closing commits to."""
    if not data.startswith(b'{"core":'):
        return data
    whole = {name: part for name, part in json.loads(data).items() if name != "detail"}
    return compact_bytes(whole)


def settled_files(folder: Folder) -> dict[str, bytes]:
    """Statements by name, as they are in their files; and the closing, which is called otherwise since schema 9."""
    found = {}
    for name, data in published_files(folder).items():
        if name.startswith("statements/"):
            found[name.removesuffix(".gz")] = without_detail(gzip.decompress(data) if name.endswith(".gz") else data)
        elif name.startswith("closings/"):
            found["closing"] = data
    return found


def test_settling_again_gives_the_bytes_that_were_published(folder: Folder) -> None:
    before = settled_files(folder)
    assert len(before) == 4
    for path in (*folder.public.glob("statements/*/*"), *folder.public.glob("closings/*")):
        path.unlink()
    settle_period(folder, "2026-11", 10**9, "EUR")
    assert settled_files(folder) == before


def test_its_closing_is_called_as_one_of_today(folder: Folder) -> None:
    with folder.open_store() as store:
        (closing,) = store.closings()
        listed = opened(store, closing.leaf_index, closing.entry).version <= VERSION_LISTED
        assert closing.title == ("2026-11" if listed else "2026-11-EUR")
        assert store.closed_periods() == {"2026-11"}
    settle_period(folder, "2026-11", 10**9, "EUR")
    assert scrub(folder) == []


def test_a_plain_statement_that_is_there_stays_the_only_one_of_its_payee(folder: Folder) -> None:
    names = set(published_files(folder))
    settle_period(folder, "2026-11", 10**9, "EUR")
    assert {name for name in published_files(folder) if name.startswith("statements/")} <= names


def test_its_statements_verify(folder: Folder) -> None:
    keys = Keys(folder.public_key, public_key(PUBLISHER), public_key(OPERATOR), folder.trust.origin)
    audit = Audit(Published(audited(folder)), keys)
    statements = sorted((folder.public / "statements").glob("2026-11*/*"))
    amounts = [audit.check(statement_bytes(path)).amount_micro for path in statements]
    assert len(amounts) == 3 and sum(amounts) == 10**9


def test_what_it_receipted_gets_the_same_receipt(folder: Folder, go_log: GoLog) -> None:
    ledger = Ledger(folder)
    segments = usage_of(folder)
    assert len(segments) == SEGMENTS
    receipts: list[tuple[bytes, bytes]] = []
    for segment in segments:
        device_id = parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).kid
        (reply,) = ledger.take([Message.of(device_topic("cafe", device_id, USAGE), wrap(segment))], 1_796_000_000)
        assert reply.answer.verdict == DUPLICATE and reply.answer.receipt is not None
        receipts.append((reply.answer.receipt, segment))
        with folder.open_store() as store:
            assert reply.answer.receipt == store.chain.heads.receipted(device_id, reply.answer.sequence)[1]
    ledger.close()
    for receipt, segment in receipts:
        go_log.receipted(folder, receipt, segment)


def test_its_log_goes_on(folder: Folder, go_log: GoLog) -> None:
    before = (folder.public / "checkpoint").read_bytes()
    with folder.open_store() as store:
        size, old_root = store.size(), store.root()
        store.append([b"one more"])
        head = registry.publish(folder, store)
        assert (head.size, store.root(size)) == (size + 1, old_root)
    go_log.follows(before, folder, head.size)


def tables(folder: Folder) -> dict[str, list[tuple[str, str]]]:
    """Each table's columns, by name and type, in no order of their making."""
    connection = sqlite3.connect(folder.path / "ledger.sqlite")
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        indexes = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")]
        columns = {name: connection.execute(f"SELECT name, type FROM pragma_table_info('{name}')") for name in names}
        found = {name: sorted(rows.fetchall()) for name, rows in columns.items()}
        return found | {"indexes": [(name, "") for name in sorted(indexes)]}
    finally:
        connection.close()


def test_a_migrated_ledger_has_the_tables_of_a_new_one(older: Folder, tmp_path: Path) -> None:
    with older.open_store():
        pass
    fresh = init_folder(tmp_path / "fresh", "test.example/amos", public_key(OPERATOR), public_key(PUBLISHER))
    assert tables(older) == tables(fresh)


def test_a_migrated_ledger_knows_sessions_and_the_roots_of_its_receipts(older: Folder) -> None:
    with older.open_store() as store:
        devices = store.totals().devices
        told = [(device.sessions, device.sessions_without_play, device.renderer) for device in devices]
        assert told == [(1, 0, False)] * 2
        device_id = bytes.fromhex(devices[0].device_id)
        _leaf, receipt = store.chain.heads.receipted(device_id, 1)
        assert receipt is not None
        size = parse_receipt(receipt).tree_size
        heads = store.chain.heads
        assert heads.seed_root(device_id, 2, store.root(size)) == SeedRoot(size, True)
        assert heads.seed_root(device_id, 1, store.root(size)) == SeedRoot(size, False)
        assert heads.seed_root(device_id, 2, bytes(32)) == SeedRoot(None, False)
        enrolled = store.chain.device(device_id)
        assert enrolled is not None and enrolled.first_enrolled_unix_s == 1


def test_anchors_from_before_the_migration_are_not_judged_and_later_ones_are(older: Folder) -> None:
    before_ms = time.time_ns() // 1_000_000 - 1000
    with older.open_store() as store:
        device_id = bytes.fromhex(store.totals().devices[0].device_id)
        assert store.chain.anchors.issued(device_id, before_ms) is None
        later = store.chain.anchors.issued(device_id, before_ms + 100_000)
        assert later is not None and not later.issued


def test_a_migration_that_is_killed_leaves_the_old_file(
    older: Folder, monkeypatch: pytest.MonkeyPatch, go_log: GoLog
) -> None:
    def die(_usage: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("amos_ledger.store.sessions.Sessions.add", lambda self, usage, _played: die(usage))
        with pytest.raises(OSError, match="killed"):
            older.open_store()
    connection = sqlite3.connect(older.path / "ledger.sqlite")
    assert connection.execute("SELECT schema_version FROM ledger").fetchone() == (2,)
    connection.close()
    before = (older.public / "checkpoint").read_bytes()
    with older.open_store() as store:
        assert store.totals().accepted == SEGMENTS
        registry.publish(older, store)
    go_log.follows(before, older)


def test_play_before_the_enrolment_takes_of_the_devices_time_from_version_4_on(tmp_path: Path) -> None:
    shutil.unpack_archive(KEPT / "schema_3.tar.gz", tmp_path)
    with sqlite3.connect(tmp_path / "ledger" / "ledger.sqlite") as database:
        before = dict(database.execute("SELECT device_id, counted_ms FROM device"))
        device_id, sequence, leaf = database.execute("SELECT device_id, sequence, leaf_index FROM usage").fetchone()
        database.execute("INSERT INTO flag VALUES (?, ?, 'before_enrolment', 1)", (device_id, sequence))
    with Folder(tmp_path / "ledger").open_store() as store:
        taken_ms = store.log.usage(leaf).delivered_ms()
        after = {key: store.chain.device(key).counted_ms for key in before}
    assert taken_ms > 0 and after == before | {device_id: before[device_id] + taken_ms}


def of_schema_5(path: Path) -> tuple[Folder, sqlite3.Connection]:
    shutil.unpack_archive(KEPT / "schema_5.tar.gz", path)
    folder = Folder(path / "ledger")
    return folder, sqlite3.connect(folder.path / "ledger.sqlite", isolation_level=None)


def test_a_receipt_for_a_later_tree_than_the_first_stays_the_same(tmp_path: Path) -> None:
    folder, database = of_schema_5(tmp_path)
    rows = "SELECT device_id, sequence, leaf_index, head_size, receipt FROM usage ORDER BY leaf_index"
    (device_id, sequence, leaf, first_size, _receipt), *_rest = database.execute(rows).fetchall()
    (later_size,) = database.execute("SELECT max(size) FROM head").fetchone()
    assert later_size > first_size > leaf
    hashes = dict(database.execute("SELECT position, hash FROM node"))
    path = tree.inclusion_path(leaf, later_size, lambda *at: hashes[tree.stored_position(*at)])
    root = tree.root(later_size, lambda *at: hashes[tree.stored_position(*at)])
    shutil.unpack_archive(KEPT / "schema_5.tar.gz", tmp_path / "twin")
    twin = Folder(tmp_path / "twin/ledger")  # which may be brought to the present schema by being asked
    receipt = bytes(sign_receipt(later_size, leaf, path, root, twin.key_id, twin.sign))
    sql = "UPDATE usage SET receipt = ?, head_size = ? WHERE leaf_index = ?"
    database.execute(sql, (receipt, later_size, leaf))
    expected = {row[:2]: row[4] for row in database.execute(rows)}
    database.close()
    with folder.open_store() as store:
        heads = store.chain.heads
        assert {key: heads.receipted(*key)[1] for key in expected} == expected
        assert heads.given(device_id, root)[1] == sequence
        assert heads.seed_root(device_id, sequence + 1, root) == SeedRoot(later_size, True)
    assert scrub(folder) == []


def test_a_head_without_a_sound_receipt_is_forgotten_and_its_root_not_judged(tmp_path: Path) -> None:
    folder, database = of_schema_5(tmp_path)
    size, root = database.execute("SELECT size, root FROM head ORDER BY size LIMIT 1").fetchone()
    cut = "UPDATE usage SET receipt = CAST(substr(receipt, 1, 200) AS BLOB) WHERE head_size = ? RETURNING device_id"
    device_id, *_ = (row[0] for row in database.execute(cut, (size,)))
    database.close()
    with folder.open_store() as store:
        heads = store.chain.heads
        assert size not in {head.size for head in heads.all()}
        assert heads.seed_root(device_id, 9, root) is None
        leaf, receipt = heads.receipted(device_id, 1)
        check_receipt(store, leaf, receipt, folder.line)
        assert parse_receipt(receipt).tree_size > size
    assert scrub(folder) == []
