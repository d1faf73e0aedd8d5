"""Pools of their own as payees, reports and operators see them: statements, history, proofs, rebuilt, by command."""

import csv
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pool_worlds import (
    HOTEL,
    MICRO,
    MIDDLE,
    SEPTEMBER,
    income,
    play,
    put,
    settle,
    verify_all,
    world_of_two_sites,
)
from settled_world import OPERATOR, World, unix_s
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos.protocol.closing import COMMUNAL
from amos.protocol.licence_pool import OPEN, PLACE
from amos_cli.output import Exit
from amos_ledger.close_period import accounts_at
from amos_ledger.folder import Folder
from amos_ledger.prove_reading import prove_reading
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.settle_period import settle_period
from amos_ledger.transferring import Order, transfer
from amos_tools.cli import app
from amos_tools.pages.statements import books_of
from amos_tools.pool.history import history
from amos_tools.report.usage import read_period
from amos_tools.verify.errors import Difference
from amos_tools.verify.light_reading import check_reading
from amos_tools.verify.published import Published

SCHEMA = json.loads((files("amos_tools.pool") / "statement.schema.json").read_bytes())


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two months with two pools, a move between them, a further currency of one, and money moved meanwhile; only
    read."""
    world = world_of_two_sites(tmp_path_factory.mktemp("pools") / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 10, SEPTEMBER + 600)
    play(world, 1, 1, 20, SEPTEMBER + 600)
    put(world, PLACE, COMMUNAL, "inn", at=MIDDLE)
    play(world, 1, 1, 30, MIDDLE + 60)
    for currency in ("EUR", "USD"):
        income(world, HOTEL, 700, currency=currency)
    income(world, COMMUNAL, 10)
    settle(world, COMMUNAL)
    transfer(world.folder, Order("payout", "EUR", "payee/ann", "bank", MICRO, "x"))
    settle(world, HOTEL)
    settle(world, HOTEL, currency="USD")
    play(world, 0, 3, 10, unix_s(2025, 10, 2))
    income(world, COMMUNAL, 10, "2025-10")
    settle(world, COMMUNAL, "2025-10")
    return world


def test_all_of_it_verifies_and_says_which_pool(closed: World) -> None:
    assert verify_all(closed) >= 8
    schema = Draft202012Validator(SCHEMA)
    named = Counter[str]()
    for path in sorted((closed.path / "public/statements").rglob("*.json.gz")):
        whole = json.loads(statement_bytes(path))
        schema.validate(whole)
        named[whole["core"]["pool"]["name"]] += 1
    assert set(named) == {COMMUNAL, HOTEL}


def test_a_payee_sees_each_pool_and_balances_that_run_through_all(closed: World) -> None:
    months = history("ann", closed.path / "public/statements")
    told = [(month.period, month.currency, month.pool) for month in months]
    assert told == [
        ("2025-09", "EUR", COMMUNAL),
        ("2025-09", "EUR", HOTEL),
        ("2025-09", "USD", HOTEL),
        ("2025-10", "EUR", COMMUNAL),
    ]
    assert all(month.follows for month in months)
    with closed.folder.open_store() as store:
        found = accounts_at(store, "EUR", store.size()).balances
    assert months[3].closing_micro == found["payee/ann"]
    (euros, dollars) = books_of(closed.folder, "ann").latest
    assert (euros, dollars.currency) == (months[3], "USD"), "pools share the accounts: one balance in each currency"


def test_it_is_shown_with_its_pool(closed: World, tmp_path: Path) -> None:
    statement = closed.path / "public/statements/2025-09-hotels-EUR/ann.json.gz"
    words = ["pool", "show", str(statement), "--csv", str(tmp_path), "--html", str(tmp_path / "ann.html")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "pool hotels" in " ".join(done.output.split())
    assert "2025-09, pool hotels" in (tmp_path / "ann.html").read_text()
    rows = list(csv.DictReader((tmp_path / "lines.csv").read_text().splitlines()))
    assert {row["pool"] for row in rows} == {HOTEL}


def test_reports_are_of_one_pool(closed: World) -> None:
    published = Published(closed.path / "audit")
    ms = {}
    for pool in (COMMUNAL, HOTEL):
        usage = read_period(published, closed.keys, "2025-09", pool=pool)
        assert usage.money is not None
        ms[pool] = sum(line.frames * 1000 // key.rate_hz for key, line in usage.lines.items()), usage.money.pool_micro
    assert ms == {COMMUNAL: (40_000, 10 * MICRO), HOTEL: (20_000, 700 * MICRO)}
    with pytest.raises(Difference, match="closed for pool hotels"):
        read_period(published, closed.keys, "2025-10", pool=HOTEL)


@pytest.mark.parametrize("period", ["2025-09", "2025-10", "2025-11"])
@pytest.mark.parametrize("report", ["society", "playlog", "dsr"])
def test_a_report_of_a_pool_that_there_is_not_names_those_there_are(
    closed: World, tmp_path: Path, report: str, period: str
) -> None:
    """Of a month that is closed for all pools, for one, and for none."""
    keys = {"ledger": closed.keys.ledger, "publisher": closed.keys.publisher, "operator": closed.keys.operator}
    pinned = [word for name, key in keys.items() for word in (f"--{name}-key", key.hex())]
    parties = ["--sender", "A", "--sender-dpid", "PADPIDA1", "--recipient", "B", "--recipient-dpid", "PADPIDA2"]
    shown_as = ["--territory", "DE", *parties] if report == "dsr" else ["--venues", "region"]
    out = tmp_path / "out"
    words = ["report", report, "--period", period, "--published", closed.path / "audit", *pinned, "--out", out]
    for name, found in (("hotel", "hotel"), ("Ships \x1b", "Ships ?")):
        said = shown(*words, *shown_as, "--pool", name, code=Exit.FINDING)["refusal"]
        assert said["name"] == "PoolUnknown"
        assert said["sentence"] == f"pool: expected one of communal, hotels, found {found}"
        assert not out.exists()


@pytest.mark.parametrize(("number", "sequence", "title"), [(1, 1, "hotels"), (1, 2, COMMUNAL), (0, 1, COMMUNAL)])
def test_a_segment_is_proved_in_its_pools_closing(closed: World, number: int, sequence: int, title: str) -> None:
    device = closed.players[number].device
    with closed.folder.open_store() as store:
        period, proof = prove_reading(closed.folder, store, device, sequence)
        place_of = store.period_usage.place(device, sequence)
        assert place_of is not None and period == "2025-09"
        segment = store.log.entry(place_of[0])
    found = check_reading(proof, segment, closed.keys.ledger, closed.keys.origin)
    assert found.pool == title


def test_it_is_rebuilt_from_its_log_as_it_was(closed: World, tmp_path: Path) -> None:
    folder = Folder(Path(shutil.copytree(closed.path, tmp_path / "ledger")))
    statements = {path: path.read_bytes() for path in (folder.public / "statements").rglob("*.json.gz")}
    with folder.open_store() as store:
        before = [(index, since_s, said.encode()) for index, since_s, said in store.placings.said()]
    rebuild_folder(folder, 0)
    with folder.open_store() as store:
        assert [(index, since_s, said.encode()) for index, since_s, said in store.placings.said()] == before
    for path in statements:
        path.unlink()
    for pool, period, currency in (
        (COMMUNAL, "2025-09", "EUR"),
        *((HOTEL, "2025-09", currency) for currency in ("EUR", "USD")),
        (COMMUNAL, "2025-10", "EUR"),
    ):
        settle_period(folder, period, None, currency, pool)
    assert {path: path.read_bytes() for path in (folder.public / "statements").rglob("*.json.gz")} == statements


def command(*words: object, code: int = Exit.FINE) -> Any:
    """What a process of its own says, as data."""
    line = [sys.executable, "-m", "amos_tools", *map(str, words), "--json"]
    done = subprocess.run(line, capture_output=True, timeout=60, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def shown(*words: object, code: int = Exit.FINE) -> Any:
    """The same in this process."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_the_way_of_two_pools_as_an_operator_goes_it(tmp_path: Path) -> None:
    """By processes of their own: a pool is opened, a site moves, both pools are settled, and each statement is checked
    from the published log."""
    world = world_of_two_sites(tmp_path / "ledger")
    key_file = tmp_path / "operator.key"
    key_file.write_bytes(OPERATOR)
    key_file.chmod(0o600)
    ledger = ("--ledger", world.path)
    by = (*ledger, "--operator-key-file", key_file, "--reason", "licence 7")
    opened = command("pool", "open", HOTEL, "--site", "inn", *by)
    assert (opened["pool"], opened["sites"], opened["fresh"]) == (HOTEL, ["inn"], True)
    now = int(time.time())
    play(world, 1, 1, 20, now, now)
    assert shown("pool", "open", HOTEL, "--site", "moon", *by, code=Exit.FINDING)["refusal"]
    at = f"{datetime.fromtimestamp(now + 1, UTC):%Y-%m-%dT%H:%M:%S}"
    moved = command("pool", "move", "inn", "--to", COMMUNAL, "--from", at, *by)
    since_s = moved["since_unix_s"]
    assert now + 1 <= since_s <= time.time() + 1
    play(world, 1, 1, 5, since_s, since_s + 1)
    play(world, 0, 0, 10, now, now)
    found = shown("pool", "members", *ledger)
    assert (set(found["pools"]), len(found["entries"])) == ({COMMUNAL, HOTEL}, 2)
    period = f"{datetime.fromtimestamp(now, UTC):%Y-%m}"
    month = ("--period", period, "--currency", "EUR", *ledger)
    shown("pool", "add-income", "--pool", HOTEL, "--amount", 700, "--source", "enterprise", *month)
    settled = [command("pool", "settle", "--pool", HOTEL, "--close-now", "--unasked", *month)]
    assert settled[0]["waiting_pools"] == [COMMUNAL]
    settled.append(command("pool", "settle", "--income", 10, "--close-now", "--unasked", *month))
    assert [(item["pool"], item["play_ms"]) for item in settled] == [(HOTEL, "20000/1"), (COMMUNAL, "15000/1")]
    files = [item["statement"] for one in settled for item in one["payees"]]
    keys = {"ledger": world.keys.ledger, "publisher": world.keys.publisher, "operator": world.keys.operator}
    pinned = [word for name, key in keys.items() for word in (f"--{name}-key", key.hex())]
    checked = command("verify", *files, "--full", "--published", world.path / "audit", *pinned)
    assert sorted({item["pool"] for item in checked["statements"]}) == [COMMUNAL, HOTEL]
