"""The ledger's figures that take processes of their own: each is there but for a tool that is missing, and a process
that does not work is told."""

from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest

from amos_ledger.store.postgres_place import PostgresPlace
from amos_tools import postgres_server, toolchain
from amos_tools.bench import ledger_broker, ledger_workers
from amos_tools.bench.ledger_fleet import NOON, Fleet
from amos_tools.bench.ledger_worker import start_worker
from amos_tools.bench.ledger_workers import Round
from amos_tools.postgres_server import Server

TINY = 0.002


def test_intake_through_a_broker(mosquitto: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "mosquitto", lambda: mosquitto)
    ledger, broker = ledger_broker.figures(TINY)
    assert ledger.value and ledger.value > 1 and ledger.bound == ("at most", 6.0)
    assert broker.value is not None and broker.value < ledger.value


def test_a_broker_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "mosquitto", lambda: ["false"])
    [found] = ledger_broker.figures(TINY)
    assert found.broken and "broker ended" in found.note


def test_two_workers(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "postgres", lambda: (Path("programs"), {}))
    monkeypatch.setattr(postgres_server, "running", lambda *_: nullcontext(postgres))
    found = ledger_workers.figures(TINY)
    assert len(found) == 5 and all(item.value and item.value > 0 for item in found)
    assert [item.bound for item in found[:3]] == [("at least", 1.6)] * 3
    allowed = found[2].value
    assert allowed is not None and 1 < allowed < 2


def test_what_two_workers_are_worth_by_hand() -> None:
    """One has the lock for a fifth of its time, so two are worth 1 / (0.2 + 0.4) of it; pairs gain 2, 1.5 and 1."""
    one = [Round(wall_s=wall, busy_s=2 * wall, cpu_s=3e-4, server_s=1e-4, locked=0.2) for wall in (2.0, 3.0, 4.0)]
    two = [Round(wall_s=wall, busy_s=wall, cpu_s=4e-4, server_s=2e-4, locked=0.9) for wall in (1.0, 2.0, 4.0)]
    walls, gains, allowed, cpu, receipts = ledger_workers._figures({1: one, 2: two}, 5e-5, 25e-6)
    values = [item.value for item in (walls, gains, allowed, cpu, receipts)]
    assert values == pytest.approx([1.5, 3, 1 / 0.6, 8, 0.5])
    assert "1.00 to 2.00" in walls.note and "1.50 times" in cpu.note


def test_a_worker_that_cannot_is_told(postgres: Server, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", 1, 1, postgres.database())
    place = fleet.folder.place
    assert isinstance(place, PostgresPlace)
    [(player, segment)] = fleet.sealed(1)
    begin, ended = start_worker(place.url, [player.message(segment)], NOON + 10**6)
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(f"UPDATE {place.schema}.log_head SET stopped = 1".encode())
    begin()
    with pytest.raises(RuntimeError, match="a worker: this ledger signed more"):
        ended()
    fleet.ledger.close()


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for tool, module in (("mosquitto", ledger_broker), ("postgres", ledger_workers)):
        monkeypatch.setattr(toolchain, tool, lambda: None)
        [found] = module.figures(TINY)
        assert found.value is None and not found.broken and found.bound and tool in found.note
