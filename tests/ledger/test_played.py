"""`amos ledger played`: proof of play by site and day, whose sums are those of the receipts."""

import csv
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from amos.protocol.topics import TIME
from amos_ledger.cli import app
from amos_ledger.cli_played import proof_csv
from amos_ledger.intake.reading import Message
from amos_ledger.proof_of_play import ProofOfPlay, day_text, proof_of_play
from amos_ledger.totals import SiteDay

NOON = 1_793_534_400
"""2026-11-01 12:00 UTC."""
DAY_S = 86_400
DAY = NOON // DAY_S


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["played", *[str(word) for word in words]])


def dated(device: Any, unix_s: int, at_ms: int, **changes: Any) -> bytes:
    """A minute that began `at_ms` after the ledger told the device that time."""
    times = {"start_ms": at_ms, "end_ms": at_ms + 60_000, "anchor_unix_ms": unix_s * 1000, "anchor_ms": 0, "clock": 2}
    # From version 2 on, a player says where its sound went, and how it kept time.
    facts = {"version": 2, "output_kind": 1, "pace": 1, "seed_root": bytes(32)}
    return bytes(device.seal(**facts | times | changes))


def told_the_time(world: Any, device: Any, unix_s: int) -> None:
    assert world.ledger.date([Message.of(device.topic(TIME), bytes(16))], unix_s * 1000) != [None]


def play(world: Any) -> Any:
    """A device on two days, another one undated at another site."""
    first, other = world.device(1), world.device(2, site="-quay")
    told_the_time(world, first, NOON)
    segments = [dated(first, NOON, 0), dated(first, NOON, 60_000)]
    assert {reply.answer.verdict for reply in world.ledger.take(list(map(first.message, segments)), NOON + 300)} == {0}
    told_the_time(world, first, NOON + DAY_S)
    later = dated(first, NOON + DAY_S, 0, boot=2, session=2, first_frame=0, end_frame=44_100 * 60)
    taken = [first.message(later), *(other.message(other.seal()) for _ in range(3))]
    assert {reply.answer.verdict for reply in world.ledger.take(taken, NOON + DAY_S + 300)} == {0}
    return first


def test_the_sums_are_those_of_the_receipts(world: Any, tmp_path: Path) -> None:
    play(world)
    found = json.loads(run(world.path, "--period", "2026-11", "--json").output)
    totals = world.totals()
    assert (found["total"]["segments"], found["total"]["frames"]) == (totals.accepted, totals.frames)
    with world.folder.open_store() as store:
        receipted = totals.accepted - store.backlog().without_receipt
    assert found["total"]["segments"] - found["total"]["without_receipt"] == receipted
    rows = {(row["site"], row["day"]): row["segments"] for row in found["rows"]}
    assert rows == {("harbour", "2026-11-01"): 2, ("harbour", "2026-11-02"): 1, ("-quay", ""): 3}
    assert [sum(row[name] for row in found["rows"]) for name in ("segments", "frames", "lasted_ms")] == [
        found["total"][name] for name in ("segments", "frames", "lasted_ms")
    ]
    assert found["total"]["lasted_ms"] == 180_000, "what is not dated has no length"
    told = run(world.path, "--period", "2026-11").output
    assert "-quay undated: 3 segments" in told and f"in all: 6 segments, {totals.frames} frames" in told
    assert run(world.path, "--period", "2026-10").output == "in all: 0 segments, 0 frames\n"


def test_the_file_is_for_spreadsheets_and_ours_alone_is_written_over(world: Any, tmp_path: Path) -> None:
    play(world)
    path = tmp_path / "p.csv"
    assert run(world.path, "--period", "2026-11", "--csv", path).exit_code == 0
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows[0] == ["site", "day", "segments", "without_receipt", "frames", "lasted_ms"]
    assert {row[0] for row in rows[1:]} == {"'-quay", "harbour", ""} and rows[-1][2] == "6"
    assert run(world.path, "--period", "2026-11", "--csv", path).exit_code == 0
    path.write_text("mine")
    done = run(world.path, "--period", "2026-11", "--csv", path)
    assert done.exit_code != 0 and "did not make" in done.output and path.read_text() == "mine"
    assert run(world.path, "--period", "2026-13").exit_code == 2


def test_a_device_is_told_by_its_days_and_sessions(world: Any) -> None:
    device = play(world)
    with world.folder.open_store() as store:
        days = store.played_days.of_device(device.key.id, 100)
        latest = store.played_days.of_device(device.key.id, 1)
        sessions = store.played_days.sessions(device.key.id, 10)
        assert store.played_days.sessions(device.key.id, 1) == sessions[:1]
        assert store.played_days.of_device(bytes(16), 100) == []
    assert [(day.day, day.segments, day.boots, day.lasted_ms) for day in days] == [
        (DAY, 2, 1, 120_000),
        (DAY + 1, 1, 1, 60_000),
    ]
    assert [day.day for day in latest] == [DAY + 1]
    assert [(each.session, each.boot, each.segments) for each in sessions] == [(2, 2, 1), (1, 1, 2)]
    assert sessions[1].begun_unix_ms == NOON * 1000 and sessions[0].delivered_ms == 60_000
    assert [sum(day.frames for day in days)] == [sum(each.frames for each in sessions)]


def test_nothing_played_is_a_proof_of_nothing() -> None:
    nothing = proof_of_play("2026-11", ())
    assert nothing == ProofOfPlay("2026-11", (), SiteDay("", None, 0, 0, 0, 0))
    assert proof_csv(nothing).splitlines()[1:] == [b",,0,0,0,0"] and day_text(0) == "1970-01-01"
