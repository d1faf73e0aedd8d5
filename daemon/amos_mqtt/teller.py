"""What an operator is told about the connection: each cause once, once an hour while it lasts, and the recovery. Pure.

A connection that is accepted and closed at once is no recovery: it is told when it proved useful.
"""

from amos_mqtt.faults import Fault, Faults
from amos_mqtt.limits import DENIAL_LASTS_MS, STEADY_MS

_CONNECTION = "broker"


class Teller:
    """Each method gives the sentences to tell, mostly none; `name` is the broker's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._faults = Faults()
        self._denials: dict[str, int] = {}  # what is denied, and when it was last
        self._level = ""
        self._up_ms: int | None = None
        self._told_up = False

    def up(self, level: str, now_ms: int) -> list[str]:
        """Accepted by the broker."""
        self._level, self._up_ms = level, now_ms
        if self._faults.lasts(_CONNECTION) or self._told_up:
            return []
        self._told_up = True
        return [self._connected()]

    def useful(self, now_ms: int) -> list[str]:
        """Something came of the connection."""
        if self._up_ms is None:
            return []
        told = self._faults.end(_CONNECTION, self._connected(), now_ms)
        self._told_up = self._told_up or bool(told)
        return told

    def down(self, reason: str, now_ms: int, will_return: bool = False) -> list[str]:
        """Lost, or not to be had; `will_return`: somebody takes our place again and again."""
        self._up_ms = None
        sentence = f"broker {self._name} {reason}; trying again until it is there"
        return self._faults.begin(_CONNECTION, sentence, now_ms, will_return)

    def denied(self, what: str, reason: str, now_ms: int) -> list[str]:
        """The broker does not take `what`."""
        self._denials[what] = now_ms
        return self._faults.begin(f"denied {what}", f"broker {self._name} {reason}", now_ms)

    def permitted(self, what: str, now_ms: int) -> list[str]:
        """The broker took `what`."""
        if self._denials.pop(what, None) is None:
            return []
        return self._faults.end(f"denied {what}", f"broker {self._name} does not refuse {what} any more", now_ms)

    def look(self, now_ms: int) -> list[str]:
        """What the time alone makes worth telling."""
        told = []
        if self._up_ms is not None and now_ms - self._up_ms >= STEADY_MS:
            told += self.useful(now_ms)
        for what in [what for what, denied_ms in self._denials.items() if now_ms - denied_ms >= DENIAL_LASTS_MS]:
            told += self.permitted(what, now_ms)
        return told + self._faults.look(now_ms)

    def present(self) -> list[Fault]:
        """What is wrong between us and the broker."""
        return self._faults.present()

    def _connected(self) -> str:
        return f"broker {self._name} connected, {self._level}"
