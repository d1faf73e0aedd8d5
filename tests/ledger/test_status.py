"""`amos ledger status`: last seen, selections, a disk that takes no writes, and ten thousand devices."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from databases import only_sqlite
from go_log import GoLog
from typer.testing import CliRunner, Result

from amos_ledger import registry
from amos_ledger.cli import app
from amos_ledger.folder import Folder
from amos_ledger.store.schema import SCHEMA_VERSION

DAY_S = 86_400


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def facts_of(*words: object) -> Any:
    done = run("status", *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def names(facts: Any) -> list[str]:
    return [device["name"] for device in facts["devices"]]


def test_a_device_was_last_seen_when_something_of_it_came(world: Any) -> None:
    now_s = int(time.time())
    fresh, old, never = (world.device(number, name=f"player-{number}") for number in (1, 2, 3))
    world.ledger.take([old.message(old.seal())], now_s - 5 * DAY_S)
    seen = {device["name"]: device["last_seen_unix_s"] for device in facts_of(world.path)["devices"]}
    assert seen == {"player-1": None, "player-2": now_s - 5 * DAY_S, "player-3": None}
    # What is refused and kept, and a question for the time, are signs of life as well.
    world.ledger.take([old.message(old.seal([(9, 0, 1)]))], now_s - 4 * DAY_S)
    assert facts_of(world.path)["devices"][1]["last_seen_unix_s"] == now_s - 4 * DAY_S
    with world.folder.open_store() as store, store.transaction():
        store.chain.anchors.note_clock((now_s - 150) * 1000, False)
        store.chain.anchors.issue(old.key.id, (now_s - 150) * 1000)
    assert facts_of(world.path)["devices"][1]["last_seen_unix_s"] == now_s - 150
    world.ledger.take([fresh.message(fresh.seal())], now_s - 100)
    assert facts_of(world.path)["devices"][0]["last_seen_unix_s"] == now_s - 100
    assert never.key.id.hex() in run("status", world.path).output
    assert "never heard of" in run("status", world.path).output


def test_selections_by_silence_and_by_site(world: Any) -> None:
    now_s = int(time.time())
    for number, site, ago_s in ((3, "station", 10 * DAY_S), (2, "harbour", 4 * DAY_S), (1, "harbour", 60)):
        device = world.device(number, name=f"player-{number}", site=site)
        world.ledger.take([device.message(device.seal())], now_s - ago_s)
    assert names(facts_of(world.path)) == ["player-1", "player-2", "player-3"]
    assert names(facts_of(world.path, "--silent", "3d")) == ["player-2", "player-3"]
    assert names(facts_of(world.path, "--silent", "1w")) == ["player-3"]
    assert names(facts_of(world.path, "--silent", "3d", "--site", "harbour")) == ["player-2"]
    facts = facts_of(world.path, "--site", "nowhere")
    assert (facts["devices"], facts["devices_enrolled"], facts["accepted"]) == ([], 3, 3)
    said = run("status", world.path, "--silent", "3d").output
    assert "2 of 3 devices, at 2 sites: 2 segments" in said and "last heard of 4 days ago" in said
    for wrong in ("3", "d", "0d", "-1d", "3 d", "٣d", "9" * 30 + "d", "3y"):
        assert run("status", world.path, "--silent", wrong).exit_code == 2, wrong


@contextmanager
def without_writes(folder: Path) -> Iterator[None]:
    """The folder on a disk that takes none."""
    for words in (["--bind"], ["-o", "remount,ro,bind"]):
        done = subprocess.run(["mount", *words, str(folder), str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip("only root may mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_takes_no_writes_is_read(world: Any) -> None:
    device = world.device()
    world.take(device, device.seal())
    world.ledger.close()
    with without_writes(world.path):
        with pytest.raises(OSError):
            (world.path / "x").touch()
        assert facts_of(world.path)["accepted"] == 1
    assert not (world.path / "ledger.sqlite-wal").exists()


@only_sqlite
def test_a_disk_that_takes_no_writes_any_more_is_read_with_what_was_last_written(world: Any) -> None:
    device = world.device()
    world.take(device, device.seal())  # and the ledger still has it open: its log of writes is there
    assert (world.path / "ledger.sqlite-wal").stat().st_size
    with without_writes(world.path):
        assert facts_of(world.path)["accepted"] == 1


@only_sqlite
def test_a_copy_of_a_running_ledger_on_a_disk_that_takes_no_writes_says_what_it_needs(
    world: Any, tmp_path: Path
) -> None:
    device = world.device()
    world.take(device, device.seal())
    copied = tmp_path / "copied"
    shutil.copytree(world.path, copied, ignore=shutil.ignore_patterns("*-shm"))
    with without_writes(copied):
        done = run("status", copied)
    assert done.exit_code == 1
    assert "ledger.sqlite-wal: expected a disk that takes writes" in done.output and "copy the folder" in done.output
    assert facts_of(copied)["accepted"] == 1


def test_an_older_schema_is_brought_to_the_present_one(tmp_path: Path, go_log: GoLog) -> None:
    shutil.unpack_archive(Path(__file__).parent / "kept" / "schema_3.tar.gz", tmp_path)
    before = (tmp_path / "ledger" / "public" / "checkpoint").read_bytes()
    assert len(facts_of(tmp_path / "ledger")["devices"]) == 2
    with sqlite3.connect(tmp_path / "ledger" / "ledger.sqlite") as database:
        assert database.execute("SELECT schema_version FROM ledger").fetchone() == (SCHEMA_VERSION,)
    folder = Folder(tmp_path / "ledger")
    with folder.open_store() as store:
        registry.publish(folder, store)
    go_log.follows(before, folder)


@only_sqlite
def test_an_unknown_schema_is_refused_and_stays(world: Any) -> None:
    with sqlite3.connect(world.path / "ledger.sqlite") as database:
        database.execute("UPDATE ledger SET schema_version = 99")
    done = run("status", world.path)
    assert done.exit_code == 1 and "expected schema version" in done.output
    with sqlite3.connect(world.path / "ledger.sqlite") as database:
        assert database.execute("SELECT schema_version FROM ledger").fetchone() == (99,)


def grown(world: Any, devices: int, each: int) -> None:
    """Rows as of so many devices with so many sessions and segments; their content does not matter here."""
    now_s = int(time.time())
    columns = (
        "device_id, sequence, sha256, leaf_index, boot, session, first_frame, end_frame, played_frames, period, late,"
        " received_unix_s, site, message_sha256"
    )
    with sqlite3.connect(world.path / "ledger.sqlite") as database:
        known = [(number, number.to_bytes(16, "big")) for number in range(devices)]
        database.executemany(
            "INSERT INTO device (device_id, leaf_index, site, name, tier, voices, enrolled_unix_s)"
            " VALUES (?, ?, ?, ?, 1, 8, ?)",
            [(id, 10**6 + n, f"site-{n % 2500}", f"player-{n}", now_s) for n, id in known],
        )
        database.executemany(
            f"INSERT INTO usage ({columns}) VALUES (?, ?, ?, ?, 1, 1, 0, 1, 1, '2026-11', 0, ?, 's', ?)",
            [
                (id, at + 1, bytes(32), 10**7 + n * each + at, now_s - n, bytes(32))
                for n, id in known
                for at in range(each)
            ],
        )
        database.executemany(
            "INSERT INTO session VALUES (?, ?, 1, 2, 1, 1, NULL, 0, 0, 1, 1, 1, 1)",
            [(id, at) for _n, id in known for at in range(each)],
        )


@only_sqlite
def test_ten_thousand_devices_take_less_than_two_seconds(world: Any) -> None:
    grown(world, 10_000, 10)
    measured = (
        "import sys, time; from typer.testing import CliRunner; from amos_ledger.cli import app;"
        "done = CliRunner().invoke(app, sys.argv[1:]); assert done.exit_code == 0, done.output;"
        "print(len(done.output), time.process_time())"
    )
    for more in ((), ("--json",), ("--silent", "2h")):
        words = [sys.executable, "-c", measured, "status", str(world.path), *more]
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=100)
        size, cpu_s = done.stdout.split()
        assert int(size) > 100_000 and float(cpu_s) < 2, (more, done.stdout)
    started_s = time.process_time()
    with world.folder.open_store_to_read() as store:
        assert len(store.watched({})) == 10_000, "also where what was stored cannot be read any more"
    assert time.process_time() - started_s < 2
