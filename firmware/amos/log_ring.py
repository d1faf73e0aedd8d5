"""What the player said lately, kept in RAM so that whoever comes to its link can read it."""

from amos.compat import const

_LOG_BYTES_MAX = const(4096)
"""About fifty lines: a start and some hours of ordinary play, and little beside a board's heap."""

_LINE_BYTES_MAX = const(240)


class LogRing:
    """Lines in the order in which they were said, each with the seconds since the start; the oldest give way.

    Bytes are counted from the first line ever said, so a reader goes on where it stopped and sees what it has missed.
    """

    def __init__(self, clock):
        self._clock = clock
        self._lines: list = []
        self._held_bytes = 0
        self.end = 0

    def note(self, line: str) -> None:
        now_ms = self._clock.now_ms()
        text = "%7d.%03d  %s" % (now_ms // 1000, now_ms % 1000, line.replace("\n", " "))
        data = text.encode()[: _LINE_BYTES_MAX - 1] + b"\n"
        self._lines.append(data)
        self._held_bytes += len(data)
        self.end += len(data)
        while self._held_bytes > _LOG_BYTES_MAX:
            self._held_bytes -= len(self._lines.pop(0))

    def read(self, offset: int, length: int) -> tuple:
        """(offset of the first byte, at most `length` bytes from there); later than asked where lines are gone."""
        at = self.end - self._held_bytes
        first = min(max(offset, at), self.end)
        found = bytearray()
        for line in self._lines:
            if at + len(line) > first and len(found) < length:
                found.extend(line[max(first - at, 0) :])
            at += len(line)
        return first, bytes(found[:length])
