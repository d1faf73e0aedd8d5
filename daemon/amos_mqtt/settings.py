"""What a client is."""

from dataclasses import dataclass

from amos_mqtt.limits import PAUSES_S


@dataclass(frozen=True)
class ClientSettings:
    """Who speaks, and how.

    payload_bytes_max   of a message for us; in MQTT 5 the broker keeps those of twice the size to itself
    will                topic and payload that the broker retains when we are lost
    lasting             whether the broker keeps messages for us while we are away
    acknowledges        whether messages are acknowledged by `acknowledge` instead of on arrival
    pauses_s            first and longest wait before connecting again
    """

    client_id: str
    payload_bytes_max: int
    will: tuple[str, bytes] | None = None
    lasting: bool = False
    acknowledges: bool = False
    pauses_s: tuple[int, int] = PAUSES_S
