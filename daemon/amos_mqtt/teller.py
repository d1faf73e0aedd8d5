"""What an operator is told about the connection: each cause once, the recovery once, and never a line a second. Pure.

A connection that is accepted and closed at once is no recovery: it is told when it proved useful. The same sentence is
told again only after a minute; what is still so by then is told then.
"""

from amos_mqtt.limits import SAY_AGAIN_MS, STEADY_MS


class Teller:
    """Each method gives the sentences to tell, mostly none; `name` is the broker's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told_ms: dict[str, int] = {}
        self._trouble: set[str] = set()  # told since it last proved useful
        self._waiting: str | None = None
        self._level = ""
        self._up_ms: int | None = None
        self._told_up = False

    def up(self, level: str, now_ms: int) -> list[str]:
        """Accepted by the broker."""
        self._level, self._up_ms, self._waiting = level, now_ms, None
        return [] if self._trouble else self._connected()

    def useful(self) -> list[str]:
        """Something came of the connection."""
        return self._connected() if self._trouble and self._up_ms is not None else []

    def down(self, reason: str, now_ms: int) -> list[str]:
        """Lost, or not to be had."""
        self._up_ms = None
        sentence = f"broker {self._name} {reason}; trying again until it is there"
        if sentence in self._trouble:
            return []
        told_ms = self._told_ms.get(sentence)
        if told_ms is not None and now_ms - told_ms < SAY_AGAIN_MS:
            self._waiting = sentence
            return []
        return self._down(sentence, now_ms)

    def denied(self, reason: str, now_ms: int) -> list[str]:
        """The broker does not take something."""
        sentence = f"broker {self._name} {reason}"
        told_ms = self._told_ms.get(sentence)
        if told_ms is not None and now_ms - told_ms < SAY_AGAIN_MS:
            return []
        self._told_ms[sentence] = now_ms
        return [sentence]

    def look(self, now_ms: int) -> list[str]:
        """What the time alone makes worth telling."""
        if self._up_ms is not None and now_ms - self._up_ms >= STEADY_MS:
            return self.useful()
        waiting = self._waiting
        if waiting is not None and now_ms - self._told_ms[waiting] >= SAY_AGAIN_MS:
            return self._down(waiting, now_ms)
        return []

    def _down(self, sentence: str, now_ms: int) -> list[str]:
        self._trouble.add(sentence)
        self._told_ms[sentence] = now_ms
        self._waiting, self._told_up = None, False
        return [sentence]

    def _connected(self) -> list[str]:
        self._trouble.clear()
        if self._told_up:
            return []
        self._told_up = True
        return [f"broker {self._name} connected, {self._level}"]
