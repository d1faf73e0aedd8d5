"""Home Assistant's side of a real broker: what is discovered, what expires, and a volume that reaches the player."""

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from mosquitto_process import mosquitto_with
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until
from sync_players import FakePlayer, PlayerThread, sealed

from amos.protocol.errors import MessageError, ProofError
from amos.score.inputs import INPUT_VOLUME
from amos_inputs.words import volume_db
from amos_mqtt.broker import Login, broker_at
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.home_assistant import EXPIRE_AFTER_S, STATE_AGAIN_MS, HomeAssistant, volume_q15
from amos_sync.message import Message
from amos_sync.notes import Notes

SITE = "harbour-cafe"
RULES = Path(__file__).parents[2] / "boards/mosquitto/amos.acl"


class Home:
    """What Home Assistant's MQTT integration hears; retained messages come first."""

    def __init__(self, port: int) -> None:
        self.got: dict[str, bytes] = {}
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.username_pw_set("amos.home")
        self.client.on_message = lambda _c, _d, message: self.got.update({message.topic: message.payload})
        self.client.on_connect = lambda client, *_: client.subscribe("homeassistant/#", 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def matching(self, pattern: str) -> list[str]:
        return [topic for topic in self.got if re.fullmatch(pattern, topic)]

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def venue(mosquitto: list[str], tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "acl").write_bytes(RULES.read_bytes())
    (tmp_path / "acl").chmod(0o600)
    player = PlayerThread(FakePlayer(b"H" * 32, sealed(b"H" * 32, 1)), f"unix:{tmp_path}/p.sock")
    said: list[str] = []
    with mosquitto_with(mosquitto, tmp_path, f"allow_anonymous true\nacl_file {tmp_path / 'acl'}\n") as port:
        broker = broker_at(f"127.0.0.1:{port}", login=Login(SITE))
        settings = Settings(SITE, (player.address,), broker, tmp_path / "spool", home_assistant=True)
        courier = Courier(settings, Notes(said.append))
        home = Home(port)
        yield courier, home, player, said
        with contextlib.suppress(sqlite3.ProgrammingError):  # the test has closed it
            courier.close()
        home.stop()
        player.stop()


def refusing(_nonce: bytes, _kind: int, _value: int) -> None:
    raise ProofError("input: not within what staff may do")


def test_a_player_is_discovered_controlled_and_signed_off(venue: Any) -> None:
    courier, home, player, said = venue
    device = player.player.device_id.hex()

    def turned(holds: Any) -> Any:
        def look() -> Any:
            courier.turn(20)
            return holds()

        return look

    # Home Assistant takes a discovery topic of this form only (homeassistant/components/mqtt/discovery.py).
    form = r"homeassistant/(device)/(?:([a-zA-Z0-9_-]+)/)?([a-zA-Z0-9_-]+)/config"
    wait_until(turned(lambda: home.matching(form) and home.matching(".*/state")), lambda: (home.got, said))
    (topic,) = home.matching(form)
    assert topic == f"homeassistant/device/{SITE}/amos_{device}/config"
    found = json.loads(home.got[topic])
    assert found["device"]["identifiers"] == [f"amos_{device}"] and found["origin"]["name"] == "amos"
    sensors = [each for each in found["components"].values() if each["platform"] == "sensor"]
    assert len(sensors) == 4 and all(each["expire_after"] == EXPIRE_AFTER_S for each in sensors)
    assert 2000 * EXPIRE_AFTER_S >= 3 * STATE_AGAIN_MS
    assert len({each["unique_id"] for each in found["components"].values()}) == 5
    state = json.loads(home.got[found["state_topic"]])
    for each in found["components"].values():
        (name,) = re.fullmatch(r"{{ value_json\.(\w+) }}", each["value_template"]).groups()  # type: ignore[union-attr]
        assert name in state
    assert state["volume"] is None, "nobody knows how loud it is"
    assert state["state"] in found["components"]["state"]["options"]
    wait_until(turned(lambda: home.got.get(found["availability_topic"]) == b"online"), "available")

    volume = found["components"]["volume"]
    for payload in ("100", "loud", "-6"):
        home.client.publish(volume["command_topic"], payload, 1)
    wait_until(turned(lambda: player.player.inputs), lambda: said)
    assert player.player.inputs == [(INPUT_VOLUME, 16423)], "-6 dB, and nothing of what has no meaning"
    assert any("volume: expected -60 to 0 dB" in sentence for sentence in said)
    assert "optimistic" not in volume
    shown = lambda: json.loads(home.got[found["state_topic"]])["volume"]  # noqa: E731
    wait_until(turned(lambda: shown() == -6), lambda: home.got)

    # What the player does not take is not shown.
    take = player.player.input
    player.player.input = refusing
    home.client.publish(volume["command_topic"], "0", 1)
    wait_until(turned(lambda: any("refuses an input" in sentence for sentence in said)), lambda: said)
    player.player.input = take
    home.client.publish(volume["command_topic"], "-20", 1)
    wait_until(turned(lambda: shown() != -6), lambda: home.got)
    assert shown() == -20

    courier.close()
    wait_until(lambda: home.got[found["availability_topic"]] == b"offline", "signed off")


@pytest.mark.parametrize("payload", [b"", b"nan", b"inf", b"1", b"-61", b"-6" * 20, b"\xff"])
def test_a_volume_without_meaning_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageError):
        volume_q15(payload)
    assert volume_q15(b"0") == 32768 and volume_q15(b"-60.0") == 33


def test_what_a_broker_hands_on_besides_is_no_volume() -> None:
    home = HomeAssistant(SITE, "1", None, Notes([].append))  # type: ignore[arg-type]
    mine = f"homeassistant/amos/{SITE}/{'ab' * 16}"
    for topic in ("homeassistant/device/x/config", f"{mine}/state", "homeassistant/amos/station-bar/x/volume"):
        assert home.came(Message(topic, b"{}"), []), topic
    assert not home.came(Message(f"amos/1/{SITE}/{'ab' * 16}/status", b"{}"), [])
    with pytest.raises(MessageError, match="volume: expected -60 to 0 dB"):
        home.came(Message(f"{mine}/volume", b"{}"), [])


def test_a_volume_comes_back_as_it_was_said() -> None:
    said = list(range(-60, 1))
    assert [volume_db(volume_q15(b"%d" % decibels)) for decibels in said] == said
