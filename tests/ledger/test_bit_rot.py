"""A bit that storage flips is named, is neither published nor receipted nor settled on, and is mended from the log."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from databases import only_sqlite
from every_kind import NOON, everything, played, with_every_kind
from go_log import GoLog
from typer.testing import CliRunner

from amos.protocol.answer import DUPLICATE, UNAVAILABLE
from amos_ledger import registry
from amos_ledger.errors import EntryDamaged, LedgerError, NotRebuilt
from amos_ledger.folder import Folder
from amos_ledger.ledger import Ledger
from amos_ledger.log.tree import stored_position
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_ledger.store.comparison import COUNTING
from amos_tools.cli import app

KEYS = {"entry.leaf_index", "node.position", "delegated_opt_out_list.leaf_index"}
"""What these are flipped to is there already; a missing row is tested by itself."""
COLUMNS = [
    f"{table}.{column.strip()}"
    for table, columns in COUNTING.items()
    for column in columns.split(",")
    if table != "ledger" and f"{table}.{column.strip()}" not in KEYS
]
BESIDE = [
    "usage.start_unix_ms", "held.segment", "evidence.segment", "evidence.sha256",
    "head.root", "head.size", "head.key_id", "head.signature",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(shared_world: Any) -> Any:
    with_every_kind(shared_world)
    return shared_world


@pytest.fixture
def ledger(made: Any, tmp_path: Path) -> Folder:
    return Folder(Path(shutil.copytree(made.path, tmp_path / "ledger")))


def flip(folder: Folder, column: str) -> None:
    """Another bit in the last row that has something there."""
    table, name = column.split(".")
    connection = sqlite3.connect(folder.store_path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA ignore_check_constraints = on")
    cursor = connection.execute(f"SELECT * FROM {table} WHERE {name} IS NOT NULL")
    row = cursor.fetchall()[-1]
    where = " AND ".join(f"{key} IS ?" for key in [item[0] for item in cursor.description])
    changed = connection.execute(f"UPDATE {table} SET {name} = ? WHERE {where}", (other(row[name]), *row)).rowcount
    connection.close()
    assert changed == 1


def other(value: Any) -> Any:
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1]) if value else b"\x01"
    return value ^ 1 if isinstance(value, int) else value[:-1] + chr(ord(value[-1]) ^ 1)


def counting(folder: Folder) -> dict[str, Any]:
    """The tables that follow from the log in every column."""
    found = everything(folder.place)
    return {table: found[table] for table in COUNTING if table not in ("usage", "ledger")}


@pytest.mark.parametrize("column", COLUMNS + BESIDE)
def test_it_is_found_and_mended(ledger: Folder, column: str, go_log: GoLog) -> None:
    before = counting(ledger)
    head = (ledger.public / "checkpoint").read_bytes()
    flip(ledger, column)
    found = scrub(ledger)
    assert found and all("--rebuild" in finding.remedy for finding in found), found
    rebuild_folder(ledger, 0)
    assert scrub(ledger) == [] and counting(ledger) == before
    go_log.follows(head, ledger)


@pytest.mark.parametrize("table", ["entry", "node"])
def test_a_row_that_is_gone_is_found_and_mended(ledger: Folder, table: str) -> None:
    before = counting(ledger)
    connection = sqlite3.connect(ledger.store_path, isolation_level=None)
    connection.execute(f"DELETE FROM {table} WHERE rowid = 7")
    connection.close()
    assert scrub(ledger)
    rebuild_folder(ledger, 0)
    assert scrub(ledger) == [] and counting(ledger) == before


def test_a_published_file_with_another_bit_is_named_and_written_again(ledger: Folder) -> None:
    for name in ("tile/entries", "tile/0", "manifests", "catalogues"):
        files = [path for path in (ledger.path / "audit" / name).rglob("*") if path.is_file()]
        path = max(files, key=lambda path: (len(path.name), path.name))
        data = path.read_bytes()
        path.write_bytes(other(data))
        (finding,) = scrub(ledger)
        assert finding.where == str(path.relative_to(ledger.path))
        path.unlink()
        assert [item.what for item in scrub(ledger)] == ["is not there"]
        with ledger.open_store() as store:
            registry.publish(ledger, store)
        assert path.read_bytes() == data and scrub(ledger) == []


def test_a_checkpoint_with_another_bit_is_named(ledger: Folder) -> None:
    path = ledger.public / "checkpoint"
    path.write_bytes(other(path.read_bytes()[:-1]) + b"\n")
    (finding,) = scrub(ledger)
    assert finding.where == "public/checkpoint"
    with pytest.raises(NotRebuilt):
        rebuild_folder(ledger, 0)


def damage(folder: Folder, index: int) -> None:
    connection = sqlite3.connect(folder.store_path, isolation_level=None)
    (entry,) = connection.execute("SELECT bytes FROM entry WHERE leaf_index = ?", (index,)).fetchone()
    connection.execute("UPDATE entry SET bytes = ? WHERE leaf_index = ?", (other(entry), index))
    connection.close()


@only_sqlite
def test_a_damaged_entry_is_neither_published_nor_settled_on(world: Any) -> None:
    played(world)
    (world.path / "audit/tile/entries/000.p/11").unlink()
    damage(world.folder, 7)
    said = r"entry 7: .*amos ledger fsck"
    with world.folder.open_store() as store, pytest.raises(EntryDamaged, match=said):
        registry.publish(world.folder, store)
    with pytest.raises(EntryDamaged, match=said):
        settle_period(world.folder, "2026-11", 10**9, "EUR")
    assert world.totals().log_size == 11


@only_sqlite
def test_a_damaged_receipt_is_not_handed_out(world: Any) -> None:
    device = played(world)
    world.ledger.close()
    flip(world.folder, "head.signature")
    (reply,) = Ledger(world.folder).take([device.message(device.sealed[-1])], NOON)
    assert reply.answer.verdict == UNAVAILABLE and "receipt" in str(reply.answer.detail)
    rebuild_folder(world.folder, 0)
    ledger = Ledger(world.folder)
    ledger.tick()
    (reply,) = ledger.take([device.message(device.sealed[-1])], NOON)
    assert reply.answer.verdict == DUPLICATE
    world.check_receipt(device.sealed[-1], reply.answer.receipt)


@only_sqlite
@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_damaged_tree_hash_is_in_no_receipt(world: Any, level: int) -> None:
    device = played(world, 9)
    connection = sqlite3.connect(world.folder.store_path, isolation_level=None)
    connection.execute("UPDATE node SET hash = zeroblob(32) WHERE position = ?", (stored_position(level, 0),))
    connection.close()
    found = world.take(device, device.seal())
    for one in found:
        if one.receipt is not None:
            world.check_receipt(device.sealed[-1], one.receipt)
    assert scrub(world.folder)


@only_sqlite
def test_what_both_store_and_bundles_have_lost_is_not_made_up(world: Any) -> None:
    played(world)
    world.ledger.close()
    damage(world.folder, 7)
    shutil.rmtree(world.path / "audit/tile/entries")
    before = world.folder.store_path.read_bytes()
    with pytest.raises(NotRebuilt, match=r"entry 7: .*from a mirror"):
        rebuild_folder(world.folder, 0)
    assert world.folder.store_path.read_bytes() == before or everything(world.folder.place)


@pytest.mark.parametrize("words", [["status"], ["plausibility"], ["quarantine", "list"], ["held"], ["fsck"]])
@pytest.mark.parametrize("column", ["entry.bytes", "manifest.bytes", "head.signature", "node.hash", "evidence.segment"])
def test_commands_show_what_they_can_and_name_the_rest(ledger: Folder, words: list[str], column: str) -> None:
    flip(ledger, column)
    said = CliRunner().invoke(app, ["ledger", *words, str(ledger.path), "--json"])
    facts = json.loads(said.stdout)
    assert (said.exit_code, bool(facts.get("findings"))) == ((1, True) if words == ["fsck"] else (0, False))


def test_a_file_that_is_no_database_is_made_anew_from_what_is_published(ledger: Folder, go_log: GoLog) -> None:
    before = counting(ledger)
    head = (ledger.public / "checkpoint").read_bytes()
    ledger.store_path.write_bytes(b"rot" * 10_000)
    (finding,) = scrub(ledger)
    assert finding.where == "ledger.sqlite" and "--rebuild" in finding.remedy
    rebuilt = rebuild_folder(ledger, 0)
    assert counting(ledger) == before and len(rebuilt.mended) == rebuilt.size and "held" in rebuilt.left
    assert [item for item in scrub(ledger) if "receipt" not in item.where] == []
    with ledger.open_store() as store:
        assert store.totals().accepted == len(everything(ledger.place)["usage"])
        registry.publish(ledger, store)
    go_log.follows(head, ledger)


class Died(Exception):
    """The process ended here."""


@pytest.mark.parametrize("step", ["made", "kept", "ready", "swapped"])
def test_a_rebuild_that_dies_leaves_one_ledger_or_the_other(ledger: Folder, step: str) -> None:
    before = everything(ledger.place)

    def die(reached: str) -> None:
        if reached == step:
            raise Died

    with pytest.raises(Died):
        rebuild_folder(ledger, 0, die)
    assert everything(ledger.place) == before and scrub(ledger) == []
    rebuild_folder(ledger, 0)
    assert everything(ledger.place) == before and scrub(ledger) == []
    assert not list(ledger.path.glob("*.new*"))


def test_one_that_is_served_or_open_is_not_rebuilt(ledger: Folder) -> None:
    with ledger.serving(), pytest.raises(LedgerError, match="found another process"):
        rebuild_folder(Folder(ledger.path), 0)
    with ledger.open_store(), pytest.raises(NotRebuilt, match="locked; end what has it open"):
        rebuild_folder(ledger, 0)
    assert scrub(ledger) == []


def test_a_store_whose_file_was_replaced_begins_no_transaction(ledger: Folder, tmp_path: Path) -> None:
    shutil.copy(ledger.store_path, tmp_path / "other")
    with ledger.open_store() as store:
        (tmp_path / "other").replace(ledger.store_path)
        with pytest.raises(LedgerError, match="expected the file that was opened"), store.transaction():
            store.append([b"lost"])


@only_sqlite
def test_hashes_that_are_gone_stop_the_ledger_by_name(world: Any) -> None:
    device = played(world)
    world.ledger.close()
    with sqlite3.connect(world.folder.path / "ledger.sqlite") as database:
        database.execute("DELETE FROM node WHERE position = ?", (stored_position(3, 0),))
    ledger = Ledger(world.folder)
    (reply,) = ledger.take([device.message(device.seal())], NOON)
    assert reply.answer.verdict == UNAVAILABLE
    assert ledger.trouble is not None and "`amos ledger fsck` says where" in ledger.trouble
