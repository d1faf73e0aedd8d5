"""Players that say at a broker how they are, as their courier passes it on, and take directives or refuse them."""

import threading
import time
from dataclasses import dataclass, field

from amos.protocol import topics
from amos_mqtt.broker import Broker
from amos_tools.fleet.desk import Desk
from protocol_examples import a_status

SAY_S = 0.2


@dataclass
class OnAir:
    """One player. `refusal` is what it says of each directive; None: it follows, and plays the pack that is named."""

    site: str
    device: bytes
    refusal: str | None = None
    pack: bytes = bytes(32)
    volume_q15: int | None = None
    serials: list[int] = field(default_factory=list)


class PlayersOnAir:
    """A context: on a thread of its own."""

    def __init__(self, broker: Broker, operator_key: bytes, players: list[OnAir]) -> None:
        self._broker, self._key, self._players = broker, operator_key, players
        self._stop, self._said = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "PlayersOnAir":
        self._thread.start()
        assert self._said.wait(60), "the broker was not reached"
        return self

    def __exit__(self, *_ended: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        began_s = time.monotonic()
        with Desk(self._broker, self._key) as desk:
            while not self._stop.is_set():
                for player in self._players:
                    self._say(desk, player, 1000 + int((time.monotonic() - began_s) * 1000))
                self._said.set()
                desk.wait(self._stop.is_set, SAY_S)

    def _say(self, desk: Desk, player: OnAir, uptime_ms: int) -> None:
        wanted = desk.members.of(player.site, player.device).wanted
        if wanted is not None and wanted.serial not in player.serials:
            player.serials.append(wanted.serial)
        if wanted is not None and player.refusal is None:
            player.pack, player.volume_q15 = wanted.pack or player.pack, wanted.volume_q15
        status = a_status(player.device, player.pack)
        status.uptime_ms, status.frame = uptime_ms, 48 * uptime_ms
        if wanted is not None:
            followed = player.refusal is None
            status.directive_serial, status.directive_refused = wanted.serial if followed else None, player.refusal
        desk._client.publish(
            topics.device_topic(player.site, player.device, topics.STATUS), status.encode(), retain=True
        )
