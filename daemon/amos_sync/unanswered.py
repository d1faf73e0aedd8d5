"""Whether the ledger answers at all. Pure: time is passed in.

In MQTT 3.1.1 a broker takes what its access rules forbid, and delivers it to nobody; in no version does it say of a
topic that it may not be read. All that can be seen of either is that no answer comes.
"""

from amos.protocol.topics import PREFIX, RECEIPT, USAGE
from amos_mqtt.limits import UNANSWERED_MS


class Unanswered:
    """`sent` and `answered` as it happens, then `look`; silence counts only while there is a connection."""

    def __init__(self) -> None:
        self._asked_ms: int | None = None
        self._silent = False

    def sent(self, now_ms: int) -> None:
        """A segment is on its way."""
        if self._asked_ms is None:
            self._asked_ms = now_ms

    def answered(self) -> bool:
        """An answer came; whether silence had been told."""
        was, self._silent, self._asked_ms = self._silent, False, None
        return was

    def interrupted(self) -> None:
        """The connection began or ended: what was asked before may be lost."""
        self._asked_ms = None

    def look(self, now_ms: int) -> bool:
        """Whether to tell, once, that nothing answers."""
        if self._silent or self._asked_ms is None or now_ms - self._asked_ms < UNANSWERED_MS:
            return False
        self._silent = True
        return True


def silence(site: str) -> str:
    """What an operator may look at when nothing answers."""
    rules = f"writing {PREFIX}/{site}/+/{USAGE} and reading {PREFIX}/{site}/+/{RECEIPT}"
    return f"no answer of the ledger for a minute; is it running, and do the broker's access rules permit {rules}?"
