"""The desk's line to the broker."""

from pathlib import Path

from mosquitto_process import mosquitto_with
from players_on_air import OnAir, PlayersOnAir

from amos import crypto
from amos_mqtt.broker import broker_at
from amos_tools.fleet.desk import Desk

OPERATOR = b"o" * 32


def test_a_fleet_that_is_never_quiet_is_heard(tmp_path: Path, mosquitto: list[str]) -> None:
    """Some hundred players say something several times a second; what the broker retains has an end all the same."""
    key = crypto.public_key(OPERATOR)
    players = [OnAir("cafe", bytes([number]) * 16) for number in range(3)]
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\n") as port:
        broker = broker_at(f"127.0.0.1:{port}")
        with PlayersOnAir(broker, key, players), Desk(broker, key) as desk:
            assert {member.device_id for member in desk.members.all()} == {player.device for player in players}
