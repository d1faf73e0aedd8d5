"""What else a stick brings home: the pack and its lease, opt-out lists, the ledger's time, directives."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import Patience
from sync_brokers import TestBroker
from sync_ledgers import FakeLedger, truthful
from sync_players import FakePlayer, PlayerThread, sealed
from sync_shops import stick_command
from test_courier_packs import shelve
from test_operator_line import KEYS as OPERATORS_KEYS
from test_operator_line import LINE as OPERATORS_LINE

from amos import crypto
from amos.protocol import topics
from amos_mqtt.broker import Broker
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.notes import Notes
from amos_sync.report import reading
from amos_sync.spool_carried import FROM_STICK
from amos_tools.demo.broker import free_port
from pack_examples import PUBLISHER, Pack

PUBLISHER_KEY = crypto.public_key(PUBLISHER)
ROTATION, NEXT_OPERATOR = OPERATORS_LINE[0], OPERATORS_KEYS[1]


class Two:
    """A shop without a broker that has one player, and a hub that has one, both turned by the test."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.stick = folder, folder / "stick"
        self.stick.mkdir()
        seed = hashlib.sha256(os.fsencode(folder)).digest()
        self.line = PlayerThread(FakePlayer(seed, sealed(seed, 3)), f"unix:{folder}/p")
        self.player = self.line.player
        self.ledger = FakeLedger(port, {self.player.device_id: self.player.public_key}, truthful)
        self.said: list[str] = []
        self.packs = shelve(folder / "packs", Pack(5))
        self.hub = self._courier("hub", port, (f"unix:{folder}/nobody",), packs=self.packs)
        self.shop = self._courier("shop", free_port(), (self.line.address,))

    def restart(self, **more: Any) -> None:
        """The shop's courier ends and starts again."""
        self.shop.close()
        self.shop = self._courier("shop", free_port(), (self.line.address,), **more)

    def _courier(self, site: str, port: int, addresses: tuple[str, ...], **more: Any) -> Courier:
        broker = Broker("127.0.0.1", port)
        settings = Settings(site, addresses, broker, self.folder / site, publisher_key=PUBLISHER_KEY, **more)
        return Courier(settings, Notes(self.said.append))

    def run(self, until: Callable[[], bool]) -> None:
        patience = Patience()
        while not until():
            assert patience.lasts(), "\n".join(self.said)
            for courier in (self.hub, self.shop):
                courier.turn(20)

    def heard(self, words: str) -> bool:
        """Whether a courier has said so."""
        return any(words in sentence for sentence in self.said)

    def waits(self, site: str, name: str) -> bool:
        """Whether something of this name is in the spool, to go or as it came."""
        with reading(self.folder / site) as database:
            return bool(database.execute("SELECT 1 FROM documents WHERE name = ?", (name,)).fetchall())

    def carry(self, site: str) -> dict[str, object]:
        """The stick is at a site: what is on it is taken in, and what goes back put there."""
        spool = self.folder / site
        brought = stick_command("import", "--from", self.stick, "--spool", spool)
        self.run(lambda: not list((spool / "inbox").iterdir()))
        return brought

    def put(self, site: str) -> dict[str, object]:
        facts: dict[str, object] = stick_command("export", "--to", self.stick, "--spool", self.folder / site)["export"]
        return facts

    def end(self) -> None:
        self.hub.close()
        self.shop.close()
        self.ledger.stop()
        self.line.stop()


@pytest.fixture(name="two")
def a_shop_and_a_hub(tmp_path: Path, broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    monkeypatch.setattr("amos_sync.inbox.INBOX_LOOK_MS", 20)
    monkeypatch.setattr("amos_sync.cli_stick.TAKE_WAIT_S", 0)
    two = Two(tmp_path, broker.port)
    yield two
    two.end()


def test_pack_time_and_lists_come_home(two: Two) -> None:
    player = two.player
    two.run(lambda: two.waits("shop", "time") and two.shop.spool.open_entries == 3)
    two.run(lambda: two.hub.mqtt.up and two.waits("hub", "pack"))
    two.ledger.publish(topics.OPT_OUTS, b"good opt-outs")
    two.ledger.publish(topics.DELEGATED_OPT_OUTS, b"good ones of payees")
    two.ledger.publish(topics.operator_rotation_topic(1), ROTATION)
    two.put("shop")
    two.carry("hub")
    directive = topics.device_topic("hub", player.device_id, topics.DIRECTIVE)
    two.run(lambda: len(two.ledger.segments) == 3 and two.waits("hub", "anchor") and two.waits("hub", "opt-outs"))
    two.run(lambda: two.waits("hub", "delegated-opt-outs"))
    two.ledger.publish(directive, b"signed by the operator")
    two.run(lambda: two.waits("hub", "directive"))
    two.run(lambda: not two.hub.outbox.carrying)
    assert two.put("hub")["pack"] == "pack 5 (test)"

    facts = two.carry("shop")
    assert facts["import"]["pack"] == "pack 5 (test)"  # type: ignore[index]
    lists = [b"good ones of payees", b"good opt-outs"]
    two.run(lambda: not player.segments and sorted(player.opt_outs) == lists)
    two.run(lambda: bool(player.anchored))
    assert player.directives.operator.key == NEXT_OPERATOR
    assert abs(player.anchored[0] - time.time() * 1000) < 600_000
    two.shop.packs._common.look()  # type: ignore[union-attr]
    two.run(lambda: player.plays() == Pack(5).id)
    kept = {found.name for found in two.shop.spool.documents.all(FROM_STICK)}
    assert kept == {"opt-outs", "delegated-opt-outs", "directive"}


def test_a_pack_of_another_publishers_and_an_older_one_are_not_taken(two: Two) -> None:
    two.run(lambda: two.waits("hub", "pack"))
    two.put("hub")
    (blob, *_more) = [path for path in (two.stick / "amos" / "packs").iterdir() if len(path.name) == 64]
    whole = blob.read_bytes()
    blob.write_bytes(bytes(len(whole)))
    spoilt = stick_command("import", "--from", two.stick, "--spool", two.folder / "shop", ends=1)
    assert "expected other bytes of that SHA-256" in spoilt["import"]["refused"][0]
    assert not (two.folder / "shop" / "carried-pack" / "manifest.cose").exists()
    blob.write_bytes(whole)
    assert stick_command("import", "--from", two.stick, "--spool", two.folder / "shop")["import"]["pack"]
    again = stick_command("import", "--from", two.stick, "--spool", two.folder / "shop")["import"]
    assert again["pack"] is None, "it is there already"
