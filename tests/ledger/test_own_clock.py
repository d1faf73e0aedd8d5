"""The ledger's own clock decides in which month undated play is paid, so it may not be wrong by days or years."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from delegating import STEM, delegation
from every_kind import signed_opt_outs
from typer.testing import CliRunner

from amos.protocol.answer import ACCEPTED, UNAVAILABLE
from amos.protocol.topics import TIME
from amos_ledger.intake.reading import Message
from amos_tools.cli import app

NOON = 1_793_534_400
DAY_S, YEAR_S = 86_400, 365 * 86_400


def take(world: Any, device: Any, segment: bytes, unix_s: int) -> int:
    (reply,) = world.ledger.take([device.message(segment)], unix_s)
    return int(reply.answer.verdict)


@pytest.mark.parametrize(
    "wrong_s, said",
    [
        (NOON - 2 * DAY_S, "before what the ledger has stored"),
        (0, "before what the ledger has stored"),
        (NOON + 3 * YEAR_S, "years after what the ledger has stored"),
        (1 << 37, "years after what the ledger has stored"),
    ],
)
def test_it_refuses_to_work_until_the_clock_is_right(world: Any, wrong_s: int, said: str) -> None:
    device = world.device()
    assert take(world, device, device.seal(), NOON) == ACCEPTED
    segment, before = device.seal(), world.totals()
    nonce = Message(device.topic(TIME), bytes(16), bytes(32), 16)
    assert take(world, device, segment, wrong_s) == UNAVAILABLE
    assert said in str(world.ledger.trouble) and "amos ledger clock" in str(world.ledger.trouble)
    assert world.ledger.date([nonce], wrong_s * 1000) == [None]
    assert (world.totals().accepted, world.totals().log_size) == (before.accepted, before.log_size)
    assert take(world, device, segment, NOON + 60) == ACCEPTED
    assert world.ledger.trouble is None


@pytest.mark.parametrize("unix_s", [NOON - DAY_S + 60, NOON + YEAR_S])
def test_what_a_machine_does_is_no_reason(world: Any, unix_s: int) -> None:
    device = world.device()
    assert take(world, device, device.seal(), NOON) == ACCEPTED
    assert take(world, device, device.seal(), unix_s) == ACCEPTED


def test_one_that_began_without_a_clock_goes_on_when_it_has_one(world: Any) -> None:
    device = world.device()
    assert world.ledger.date([Message(device.topic(TIME), bytes(16), bytes(32), 16)], 5000) != [None]
    assert take(world, device, device.seal(), NOON) == ACCEPTED


@pytest.mark.parametrize("off_years, said", [(5, "years after"), (-5, "before")])
def test_no_command_dates_or_decides_by_a_wrong_clock(world: Any, tmp_path: Path, off_years: int, said: str) -> None:
    """The machine's clock is as wrong as what the ledger has stored says."""
    device, folder = world.device(), world.path
    take(world, device, device.seal(), NOON)
    world.ledger.close()
    with world.folder.open_store() as store, store.transaction():
        store.chain.anchors.accept_clock((int(time.time()) - off_years * YEAR_S) * 1000)
    size, key, file = world.totals().log_size, tmp_path / "operator.key", tmp_path / "file"
    key.write_bytes(world.operator.seed)
    key.chmod(0o600)
    file.write_bytes(world.device(5, enrolled=False).enrolment(world.operator))
    (tmp_path / "manifest.cose").write_bytes(world.pack.manifest)
    (tmp_path / "catalogue.cose").write_bytes(world.pack.catalogue)
    (tmp_path / "opt-outs").write_bytes(signed_opt_outs(world, 1, NOON))
    (tmp_path / "delegation").write_bytes(delegation(world))
    by, device_id = ["--operator-key-file", key, "--reason", "x"], device.key.id.hex()
    settled = ["--currency", "EUR", "--ledger", folder, "--unasked"]
    commands: list[list[Any]] = [
        ["pool", "settle", "--period", "2026-11", "--income", "1", *settled],
        ["pool", "settle", "--period", "2026-11", "--income", "1", "--close-now", *settled],
        ["pool", "open", "inns", "--site", "harbour", "--ledger", folder, *by],
        ["pool", "hold", "ada", "--amount", "1", "--currency", "EUR", "--ledger", folder, "--reason", "x"],
        ["ledger", "enrol", folder, file],
        ["ledger", "publish", folder, tmp_path],
        ["ledger", "optouts", folder, tmp_path / "opt-outs"],
        ["ledger", "delegation", folder, tmp_path / "delegation"],
        ["ledger", "withdraw", folder, STEM[0].hex(), "--payee", "ada"],
        ["ledger", "revoke", folder, file],
        ["ledger", "lost", folder, file],
        ["ledger", "quarantine", "lift", folder, device_id, *by],
        ["ledger", "rotate-operator", folder, file],
        ["ledger", "rotate-key", folder],
    ]
    for words in commands:
        done = CliRunner().invoke(app, [str(word) for word in words])
        found = done.output
        assert done.exit_code and "ClockWrong: clock: expected from" in found and said in found, (words, found)
        assert "amos ledger clock" in found
    assert world.totals().log_size == size
    assert not (world.folder.public / "opt-outs.cose").exists()


def test_an_operator_may_say_that_it_is_right(world: Any) -> None:
    device = world.device()
    assert take(world, device, device.seal(), NOON * 2) == ACCEPTED
    assert take(world, device, device.seal(), NOON) == UNAVAILABLE
    said = CliRunner().invoke(app, ["ledger", "clock", str(world.path), "--json"])
    now_s = json.loads(said.output)["clock_unix_ms"] // 1000
    assert CliRunner().invoke(app, ["ledger", "clock", str(world.path)]).output.startswith("the ledger's clock is 20")
    assert take(world, device, device.sealed[-1], now_s + 5) == ACCEPTED
