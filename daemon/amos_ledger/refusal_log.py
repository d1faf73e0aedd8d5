"""Refusals in the log: device, site, sequence and why, in bounded numbers. Pure: time is passed in.

One line for each device and verdict in a minute, and so many lines in all; how many were left out is told.
"""

from amos.protocol.answer import ACCEPTED, DUPLICATE, UNAVAILABLE, Answer
from amos.protocol.printable_host import printable
from amos_ledger.limits import REFUSAL_LINES_MAX
from amos_ledger.records import verdict_name

MINUTE_MS = 60_000

_ORDINARY = (ACCEPTED, DUPLICATE, UNAVAILABLE)
"""No refusals; that nothing can be stored is told once, not for each message."""


class RefusalLog:
    """`lines` gives what to tell of an answer, mostly nothing."""

    def __init__(self) -> None:
        self._minute = -1
        self._told: set[tuple[bytes | None, int]] = set()
        self._left_out = 0

    def lines(self, topic: str | None, answer: Answer, now_ms: int) -> list[str]:
        """For an answer that goes to `topic`; None: to nobody, since the message named no device."""
        if answer.verdict in _ORDINARY:
            return []
        told = self._turned(now_ms)
        kind = answer.device_id if topic is not None else None, answer.verdict
        if kind in self._told or len(self._told) >= REFUSAL_LINES_MAX:
            self._left_out += 1
            return told
        self._told.add(kind)
        return [*told, _line(topic, answer)]

    def _turned(self, now_ms: int) -> list[str]:
        minute = now_ms // MINUTE_MS
        if minute == self._minute:
            return []
        left_out, self._left_out, self._minute = self._left_out, 0, minute
        self._told.clear()
        return [f"{left_out} more were not taken, of devices and for reasons told before"] if left_out else []


def _line(topic: str | None, answer: Answer) -> str:
    detail = f": {printable(answer.detail)}" if answer.detail else ""
    if topic is None or answer.device_id is None:
        return f"not taken, a message that names no device: {verdict_name(answer.verdict)}{detail}"
    site = printable(topic.split("/")[2])
    sequence = "no sequence readable" if answer.sequence is None else f"sequence {answer.sequence}"
    return f"not taken, {answer.device_id.hex()} at {site}, {sequence}: {verdict_name(answer.verdict)}{detail}"
