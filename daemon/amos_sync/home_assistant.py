"""Players in Home Assistant, by MQTT discovery: what they say of themselves, and the volume as a control.

Discovery is that of devices (https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload, Home Assistant
2024.11 and later): one retained message a player, with `origin`; each component has `platform` and `unique_id`.
What is published of a player expires (`expire_after`) where the courier is lost without a word; one that ends says so.
A volume is handed to the player over its link as anybody's there: the player decides what may be set, and what is shown
is the last that it took. Until then nothing is: a player's status does not say how loud it is.
"""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from amos.protocol.errors import MessageError
from amos.protocol.link import STATES, Status
from amos.score.inputs import INPUT_VOLUME
from amos.sound.ducking import UNITY_Q15
from amos_inputs.words import volume_db
from amos_mqtt.client import MqttClient
from amos_sync.clock import wall_ms
from amos_sync.device import Device
from amos_sync.message import Message
from amos_sync.notes import Notes

DISCOVERY = "homeassistant"
"""Home Assistant's own default."""
STATE_AGAIN_MS = 60_000
EXPIRE_AFTER_S = 180
"""Three messages may get lost before a value counts for nothing."""
VOLUME_DB_MIN, VOLUME_DB_MAX = -60, 0
COMMAND_CHARACTERS_MAX = 16
AVAILABLE, NOT_AVAILABLE = b"online", b"offline"
_DAY_S = 86_400


class HomeAssistant:
    """`up` after each connection, `came` with what arrives, `work` once a turn, `stop` before the courier ends."""

    def __init__(self, site: str, version: str, mqtt: MqttClient[Message], notes: Notes) -> None:
        self._site, self._version = site, version
        self._mqtt, self._notes = mqtt, notes
        self._known: set[bytes] = set()
        self._told: dict[bytes, tuple[int, bytes]] = {}
        self._receipted: dict[bytes, tuple[int, str | None]] = {}
        self._volumes: dict[bytes, int] = {}

    def up(self) -> None:
        """The broker is there, and may have forgotten everything."""
        self._known.clear()
        self._told.clear()
        self._mqtt.subscribe([volume_topic(self._site, "+")])
        self._mqtt.publish(availability_topic(self._site), AVAILABLE, retain=True)

    def work(self, devices: Sequence[Device], now_ms: int) -> None:
        """Publish players that are new, and what changed of the others, or is a minute old."""
        if not self._mqtt.up:
            return
        for device in devices:
            status = None if device.session is None else device.session.status
            if status is None:
                continue
            if status.device_id not in self._known:
                self._known.add(status.device_id)
                self._mqtt.publish(
                    discovery_topic(self._site, status.device_id.hex()), self._config(status), retain=True
                )
            state = self._state(status, self._volume_of(device, status.device_id))
            told_ms, told = self._told.get(status.device_id, (0, b""))
            changed = _steady(state) != _steady(told)
            if changed or now_ms - told_ms >= STATE_AGAIN_MS:
                self._told[status.device_id] = now_ms, state
                self._mqtt.publish(state_topic(self._site, status.device_id.hex()), state)

    def came(self, message: Message, devices: Sequence[Device]) -> bool:
        """Whether the message is one of Home Assistant's; a volume goes to its player. Raises `MessageError`."""
        if not message.topic.startswith(DISCOVERY + "/"):
            return False
        before, after = volume_topic(self._site, "+").split("+")
        if not (message.topic.startswith(before) and message.topic.endswith(after)):
            return True  # some brokers hand on whatever they retain, as what is discovered
        volume = volume_q15(message.payload)
        for device in devices:
            session = device.session
            if session is None or session.device_id is None:
                continue
            if message.topic == volume_topic(self._site, session.device_id.hex()):
                session.ask_input(INPUT_VOLUME, volume)
                device.wake()
        return True

    def stop(self) -> None:
        """The courier ends by its own will."""
        self._mqtt.publish(availability_topic(self._site), NOT_AVAILABLE, retain=True)

    def _config(self, status: Status) -> bytes:
        return json.dumps(discovery(self._site, status.device_id.hex(), status.firmware, self._version)).encode()

    def _volume_of(self, device: Device, device_id: bytes) -> int | None:
        """In dB, as the player took it; a player keeps it over its restarts."""
        taken_q15 = device.session.taken.get(INPUT_VOLUME) if device.session is not None else None
        if taken_q15 is not None:
            self._volumes[device_id] = volume_db(taken_q15)
        return self._volumes.get(device_id)

    def _state(self, status: Status, volume: int | None) -> bytes:
        receipted, when = self._receipted.get(status.device_id, (status.last_receipted, None))
        if status.last_receipted > receipted:
            when = datetime.fromtimestamp(wall_ms() // 1000, UTC).isoformat()
        self._receipted[status.device_id] = status.last_receipted, when
        lease_s = status.lease_seconds_left
        return json.dumps(
            {
                "state": STATES[status.state],
                "unsynced_ms": status.unsynced_ms,
                "lease_days": None if lease_s is None else round(lease_s / _DAY_S, 1),
                "last_receipt": when,
                "volume": volume,
            }
        ).encode()


def volume_q15(payload: bytes) -> int:
    """The gain of a number of dB in text. Raises `MessageError`."""
    try:
        decibels = float(payload[:COMMAND_CHARACTERS_MAX].decode("ascii"))
    except ValueError:
        decibels = math.nan
    if not VOLUME_DB_MIN <= decibels <= VOLUME_DB_MAX or len(payload) > COMMAND_CHARACTERS_MAX:
        raise MessageError(f"volume: expected {VOLUME_DB_MIN} to {VOLUME_DB_MAX} dB, found {payload[:40]!r}")
    return round(UNITY_Q15 * 10 ** (decibels / 20))


def discovery(site: str, device: str, firmware: str, version: str) -> dict[str, Any]:
    """The payload of device discovery for one player."""
    unique = f"amos_{device}"
    expiring = {"platform": "sensor", "expire_after": EXPIRE_AFTER_S}
    duration = expiring | {"device_class": "duration"}
    components: dict[str, dict[str, Any]] = {
        "state": expiring | {"name": "State", "device_class": "enum", "options": list(STATES)},
        "unsynced_ms": duration | {"name": "Not receipted", "unit_of_measurement": "ms", "state_class": "measurement"},
        "lease_days": duration | {"name": "Lease left", "unit_of_measurement": "d"},
        "last_receipt": expiring | {"name": "Last receipt", "device_class": "timestamp"},
    }
    components["volume"] = {
        "platform": "number",
        "name": "Volume",
        "command_topic": volume_topic(site, device),
        "min": VOLUME_DB_MIN,
        "max": VOLUME_DB_MAX,
        "step": 1,
        "mode": "slider",
        "unit_of_measurement": "dB",
    }
    for name, component in components.items():
        component |= {"unique_id": f"{unique}_{name}", "value_template": "{{ value_json." + name + " }}"}
    return {
        "device": {
            "identifiers": [unique],
            "name": f"{site} {device[:8]}",
            "manufacturer": "amos",
            "sw_version": firmware,
        },
        "origin": {"name": "amos", "sw_version": version},
        "availability_topic": availability_topic(site),
        "state_topic": state_topic(site, device),
        "components": components,
        "qos": 1,
    }


def discovery_topic(site: str, device: str) -> str:
    return f"{DISCOVERY}/device/{site}/amos_{device}/config"


def state_topic(site: str, device: str) -> str:
    return f"{DISCOVERY}/amos/{site}/{device}/state"


def volume_topic(site: str, device: str) -> str:
    return f"{DISCOVERY}/amos/{site}/{device}/volume"


def availability_topic(site: str) -> str:
    return f"{DISCOVERY}/amos/{site}/availability"


def _steady(state: bytes) -> dict[str, Any]:
    """What is worth a message when it changes: what is not receipted grows all the time."""
    found: dict[str, Any] = json.loads(state) if state else {}
    found.pop("unsynced_ms", None)
    return found
