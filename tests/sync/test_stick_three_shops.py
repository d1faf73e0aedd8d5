"""Three shops without a network, one with, and three sticks that are mixed up, lost, pulled out and brought twice."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import wait_until
from sync_brokers import TestBroker
from sync_ledgers import FakeLedger, truthful
from sync_shops import Shop, stick_command

from amos.protocol.answer import ACCEPTED


@pytest.fixture
def shops(tmp_path: Path, broker: TestBroker) -> Iterator[list[Shop]]:
    shops = [Shop(tmp_path, "harbour", [40, 7]), Shop(tmp_path, "mill", [12]), Shop(tmp_path, "station", [3])]
    shops.append(Shop(tmp_path, "hub", [], broker.port))
    for shop in shops:
        shop.start()
    yield shops
    for shop in shops:
        shop.end()


@pytest.fixture
def ledger(shops: list[Shop], broker: TestBroker) -> Iterator[FakeLedger]:
    players = [line.player for shop in shops for line in shop.players]
    ledger = FakeLedger(broker.port, {player.device_id: player.public_key for player in players}, truthful)
    yield ledger
    ledger.stop()


def new_stick(folder: Path, name: str) -> Path:
    stick = folder / name
    stick.mkdir()
    (stick / "AMOS-STICK.TXT").touch()  # as FAT may show it
    return stick


def test_every_segment_ends_at_the_ledger_once_and_every_receipt_at_its_own_player(
    shops: list[Shop], ledger: FakeLedger, tmp_path: Path
) -> None:
    harbour, mill, station, hub = shops
    sticks = [new_stick(tmp_path, f"stick-{number}") for number in range(3)]
    for shop, stick in zip(shops[:3], sticks, strict=True):
        shop.wait_pulled()
        told = stick_command("export", "--to", stick, "--spool", shop.spool)["export"]
        assert (told["site"], told["segments"], told["waiting"]) == (shop.name, len(shop.sealed), len(shop.sealed))
    lost = tmp_path / "lost"
    shutil.copytree(sticks[0], lost)

    # The harbour's stick at the mill by mistake: told, taken as something to carry, and no harm.
    words = stick_command("import", "--from", sticks[0], "--spool", mill.spool)["words"]
    assert words == ["From harbour: 47 recordings of 2 players, for the ledger."]

    # The one with a network takes the sticks; the first goes there twice.
    for stick in (*sticks, sticks[0]):
        told = stick_command("carry", stick, "--spool", hub.spool)
        assert "The ledger has answered about all of it." in told["words"], told
    assert set(ledger.segments.values()) == {data for shop in shops for data in shop.sealed}
    assert ledger.verdicts[ACCEPTED] == 62

    # The station's stick has receipts for all; the mill's, for the harbour alone beside its own.
    words = stick_command("import", "--from", sticks[1], "--spool", station.spool)["words"]
    assert "This stick has answers for 2 players of harbour. Nothing on it is for station." in words[1]
    assert not station.is_home()
    assert hub.report()["carried"] == {"waiting": 0, "answered": 62}
    for shop, stick in ((harbour, sticks[2]), (mill, sticks[0]), (station, sticks[2])):
        told = stick_command("import", "--from", stick, "--spool", shop.spool)
        assert told["import"]["answers"] == len(shop.players)
        shop.wait_home()

    # What was carried and taken goes from the hub; an old copy of a stick, and all the others again, change nothing.
    for shop in shops[:3]:
        stick_command("export", "--to", sticks[0], "--spool", shop.spool)
    for stick in (lost, sticks[0]):
        stick_command("carry", stick, "--spool", hub.spool)
    for shop in shops[:3]:
        stick_command("import", "--from", lost, "--spool", shop.spool)
        assert shop.is_home()
    assert ledger.verdicts[ACCEPTED] == len(ledger.segments) == 62
    for shop in shops:
        for line in shop.players:
            assert line.player.refused == 0, "no player was offered another's receipt"


def test_a_courier_that_is_killed_while_it_takes_a_stick_in(
    shops: list[Shop], ledger: FakeLedger, tmp_path: Path
) -> None:
    harbour, hub = shops[0], shops[3]
    stick = new_stick(tmp_path, "stick")
    harbour.wait_pulled()
    stick_command("export", "--to", stick, "--spool", harbour.spool)
    hub.kill()
    words = stick_command("import", "--from", stick, "--spool", hub.spool)["words"]
    assert words[-1] == "amos is not running here; it takes this in when it is started."
    for _turn in range(3):
        hub.start()
        hub.kill()
    hub.start()
    wait_until(lambda: len(ledger.segments) == 47, lambda: f"{len(ledger.segments)} of 47")
    wait_until(lambda: not list((hub.spool / "inbox").iterdir()), lambda: "the inbox is not empty")
    stick_command("carry", stick, "--spool", hub.spool)
    harbour.kill()
    stick_command("import", "--from", stick, "--spool", harbour.spool)
    harbour.start()
    harbour.wait_home()
    assert {hashlib.sha256(data).digest() for data in harbour.sealed} == set(ledger.segments)
