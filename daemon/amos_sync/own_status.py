"""The courier's own retained status, published when it changes and not more often than every few seconds; at once when
a player refuses a pack, or does so no more."""

from collections.abc import Iterable

from amos.protocol import topics
from amos_mqtt.client import MqttClient
from amos_sync.courier_status import ONLINE, REFUSALS_MAX, VERSION, CourierStatus, PackRefusal
from amos_sync.device import Device
from amos_sync.limits import STATUS_MS
from amos_sync.message import Message
from amos_sync.spool import Spool


class OwnStatus:
    """`publish` once a turn, `forget` when the broker may have lost it."""

    def __init__(self, mqtt: MqttClient[Message], site: str, spool: Spool) -> None:
        self._mqtt = mqtt
        self._topic = topics.courier_status_topic(site)
        self._spool = spool
        self._told: tuple[int, bytes] = (0, b"")
        self._refusals: list[PackRefusal] = []

    def forget(self) -> None:
        """It is published again."""
        self._told = (0, b"")

    def publish(self, devices: Iterable[Device], refusals: Iterable[PackRefusal], now_ms: int) -> None:
        """Where there is a broker, and something to tell."""
        if not self._mqtt.up:
            return
        refused = sorted(refusals, key=lambda refusal: refusal.device_id)[:REFUSALS_MAX]
        status = CourierStatus(
            state=ONLINE,
            version=VERSION,
            devices=sum(device.session is not None and device.session.device_id is not None for device in devices),
            waiting=self._spool.open_entries,
            spool_bytes=self._spool.used_bytes,
            full=self._spool.full,
            refusals=refused or None,
        ).encode()
        told_ms, told = self._told
        urgent = not told or refused != self._refusals
        if status != told and (urgent or now_ms - told_ms >= STATUS_MS):
            self._refusals = refused
            self._told = (now_ms, status)
            self._mqtt.publish(self._topic, status, retain=True)
