"""The judge of the fault sweep finds each violation that is planted."""

import contextlib
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from settled_world import World
from sweep_judge import judge

from amos.protocol.envelope_host import wrap
from amos.protocol.topics import USAGE, device_topic
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger

ROWS = [(0, 44_100), (1, 10_001)]


@dataclass
class Noted:
    """What the judge asks of a player."""

    name: str
    device_id: bytes
    notes: list[tuple[str, int, bytes]] = field(default_factory=list)

    def told(self, word: str) -> list[tuple[int, bytes]]:
        return [(number, data) for found, number, data in self.notes if found == word]


@dataclass
class Case:
    world: World
    players: list[Any]

    def judge(self) -> int:
        return judge(self.world.folder, self.world.path, self.players)

    def change(self, sql: str) -> None:
        with contextlib.closing(sqlite3.connect(self.world.path / "ledger.sqlite")) as database:
            database.execute(sql)
            database.commit()


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Two players, each with two segments that are receipted and trimmed."""
    world = World(tmp_path / "ledger")
    players = [Noted(player.name, player.device) for player in world.players]
    ledger = Ledger(world.folder)
    for number in (1, 2):
        for player, noted in zip(world.players, players, strict=True):
            segment = player.play(ROWS, None)
            (reply,) = ledger.take(
                [Message.of(device_topic("cafe", player.device, USAGE), wrap(segment))], int(time.time())
            )
            noted.notes += [("sealed", number, segment), ("receipt", number, reply.answer.receipt or b"")]
            noted.notes.append(("trimmed", number, b""))
    ledger.close()
    return Case(world, players)


def test_what_is_well_is_well(case: Case) -> None:
    assert case.judge() == 4


def test_a_segment_that_the_ledger_lacks(case: Case) -> None:
    player, noted = case.world.players[0], case.players[0]
    noted.notes += [("sealed", 3, player.play(ROWS, None)), ("receipt", 3, noted.told("receipt")[1][1])]
    with pytest.raises(AssertionError, match="without a receipt for 3"):
        case.judge()
    noted.notes.append(("trimmed", 3, b""))
    with pytest.raises(AssertionError, match="trimmed up to 3 without a genuine receipt"):
        case.judge()


def test_a_trim_without_a_receipt(case: Case) -> None:
    noted = case.players[1]
    for index, (word, number, _data) in enumerate(noted.notes):
        if word == "receipt":
            noted.notes[index] = (word, number, noted.notes[index][2][:-1] + b"\0")
    with pytest.raises(AssertionError, match="without a genuine receipt"):
        case.judge()


def test_a_segment_that_nobody_sealed(case: Case) -> None:
    case.players[0].notes = [note for note in case.players[0].notes if note[1] == 1]
    with pytest.raises(AssertionError, match="sealed by nobody"):
        case.judge()


def test_a_segment_that_was_never_sent(case: Case) -> None:
    case.players.append(Noted("third", bytes(16), [("sealed", 1, b"x"), ("receipt", 1, b"")]))
    with pytest.raises(AssertionError, match="third has left without a receipt"):
        case.judge()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE usage SET played_frames = played_frames + 1 WHERE sequence = 2",
        "DELETE FROM usage WHERE sequence = 1",
        "UPDATE rollup SET frames = frames + 1",
    ],
)
def test_another_sum_than_what_was_played(case: Case, sql: str) -> None:
    case.change(sql)
    with pytest.raises(AssertionError, match="what is counted"):
        case.judge()
