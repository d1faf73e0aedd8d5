"""Which segments the ledger does not answer, and what an operator may look at. Pure: time is passed in.

In MQTT 3.1.1 a broker takes what its access rules or its size limit forbid, and delivers it to nobody; in no version
does it say of a topic that it may not be read. All that can be seen of either is that no answer comes.
"""

from collections.abc import Iterable

from amos.protocol.topics import PREFIX, RECEIPT, USAGE
from amos_mqtt.limits import UNANSWERED_MS
from amos_sync.outbox import Slot


class Unanswered:
    """`connected` and `answered` as it happens, then `look`.

    slots    those that had no answer for a minute while there was a connection, the first asked first
    partly   whether others, asked later, were answered meanwhile
    """

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self.partly = False
        self._up_ms: int | None = None
        self._answered_ms: int | None = None

    def connected(self, now_ms: int | None) -> None:
        """The connection began, or with None ended: what was asked before may be lost, and is asked again."""
        self._up_ms = now_ms

    def answered(self, now_ms: int) -> None:
        """An answer came."""
        self._answered_ms = now_ms

    def look(self, asked: Iterable[Slot], now_ms: int) -> None:
        """`asked` are the segments on their way. Without a connection nobody can answer: what was so stays so."""
        silent = self._up_ms is not None and now_ms - self._up_ms >= UNANSWERED_MS
        known = {slot.id for slot in self.slots}
        overdue = [
            slot
            for slot in asked
            if slot.asked_ms is not None and (slot.id in known or (silent and now_ms - slot.asked_ms >= UNANSWERED_MS))
        ]
        self.slots = sorted(overdue, key=lambda slot: (slot.asked_ms or 0, slot.id))
        if self.slots:
            self.partly = self._answered_ms is not None and self._answered_ms > (self.slots[0].asked_ms or 0)


def usage_pattern(site: str) -> str:
    """Where a courier of the site sends segments, for any device."""
    return f"{PREFIX}/{site}/+/{USAGE}"


def silence(site: str, bytes_max: int, nobody: bool) -> str:
    """What an operator may look at when nothing answers; `nobody`: the broker says that nobody subscribes."""
    sentence = "no answer of the ledger for a minute; is it running"
    if nobody:
        about = f"? The broker says that nobody subscribes to {usage_pattern(site)}"
        return f"{sentence}{about}: start the ledger, have it use this broker, or permit it to read there"
    rules = f"writing {usage_pattern(site)} and reading {PREFIX}/{site}/+/{RECEIPT}"
    size = f"does its size limit permit a message of {bytes_max} bytes"
    return f"{sentence}, do the broker's access rules permit {rules}, and {size}?"


def part_silence(slots: list[Slot], bytes_max: int) -> str:
    """The same where others are answered."""
    first = slots[0]
    which = f"segment {first.sequence} of {first.device_id.hex()[:8]} ({len(slots)} in all)"
    return (
        f"no answer for a minute to {which}, while others are answered; the largest has {bytes_max} bytes:"
        " raise the broker's size limit of messages if that is smaller"
    )
