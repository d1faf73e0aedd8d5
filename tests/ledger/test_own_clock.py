"""The ledger's own clock decides in which month undated play is paid, so it may not be wrong by days or years."""

import json
from typing import Any

import pytest
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


def test_an_operator_may_say_that_it_is_right(world: Any) -> None:
    device = world.device()
    assert take(world, device, device.seal(), NOON * 2) == ACCEPTED
    assert take(world, device, device.seal(), NOON) == UNAVAILABLE
    said = CliRunner().invoke(app, ["ledger", "clock", str(world.path), "--json"])
    now_s = json.loads(said.output)["clock_unix_ms"] // 1000
    assert CliRunner().invoke(app, ["ledger", "clock", str(world.path)]).output.startswith("the ledger's clock is 20")
    assert take(world, device, device.sealed[-1], now_s + 5) == ACCEPTED
