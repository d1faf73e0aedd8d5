"""The time by which leases end: what is certain, and where nothing is, what has at least gone by (RIGHTS.md)."""

from amos.protocol.errors import ProtocolError
from amos.protocol.record import U8, U64, Record

VERSION = 1
KEPT_BYTES_MAX = 64

SAVE_EVERY_MS = 600_000
"""Between two savings; a power cut loses at most so much of what has gone by."""

BOOT_ADDS_MS = SAVE_EVERY_MS
"""So a boot counts for as much, and no rhythm of restarts makes a lease longer."""

AWAY_MS_MAX = 86_400_000
"""So long may a wall clock nobody vouches for say that the player was off: a night, not the years it may err."""

PRESUMED_MS = 30 * 86_400_000
"""What is left of a lease where nothing at all tells the time: a month of play."""


class TimeKept(Record):
    """What outlives a boot. `unix_ms`: the lease clock; `wall_unix_ms`: the machine's own clock at that moment."""

    NAME = "time kept"
    FIELDS = ((1, "version", "uint", U8), (2, "unix_ms", "uint?", U64), (3, "wall_unix_ms", "uint?", U64))

    version: int
    unix_ms: "int | None"
    wall_unix_ms: "int | None"


class LeaseClock:
    """Never goes back, but by the ledger's word (`set`).

    unix_ms   Unix time in ms that leases are held against; None while nothing is known. Without anchors it falls behind
              by the time the player was off, and runs ahead by ten minutes a boot.

    `kept` is a `TwoSlotFile` or its twin; `now_ms` monotonic; `wall_unix_ms` the machine's wall clock, or None. A boot
    is counted durably before anything else. Raises OSError when that cannot be stored.
    """

    def __init__(self, kept, now_ms: int, wall_unix_ms: "int | None"):
        before = _decode(kept.read())
        self._kept = kept
        self._last_ms = now_ms
        self._elapsed_ms = 0  # since the boot
        self._unsaved_ms = 0
        self._wall_ms = wall_unix_ms
        self._wall_before_ms = before.wall_unix_ms if before else None
        self._away_ms = BOOT_ADDS_MS  # counted for the time before the boot
        self.unix_ms = before.unix_ms if before else None
        if self.unix_ms is not None:
            self.unix_ms += BOOT_ADDS_MS
        self.tick(now_ms, wall_unix_ms)
        kept.write(self._encoded())

    def tick(self, now_ms: int, wall_unix_ms: "int | None") -> None:
        """Time has gone on. `now_ms` before an earlier one (another clock) counts as no time."""
        passed = now_ms - self._last_ms
        self._wall_ms = wall_unix_ms
        if passed > 0:
            self._last_ms = now_ms
            self._elapsed_ms += passed
            self._unsaved_ms += passed
        if self.unix_ms is None:
            return
        self.unix_ms += max(passed, 0)
        if wall_unix_ms is not None and self._wall_before_ms is not None:
            away = min(wall_unix_ms - self._wall_before_ms - self._elapsed_ms, AWAY_MS_MAX)
            if away > self._away_ms:
                self.unix_ms += away - self._away_ms
                self._unsaved_ms += away - self._away_ms
                self._away_ms = away

    def at_least(self, unix_ms: int) -> None:
        """Something signed is of that time, so it is as late as that."""
        if self.unix_ms is None or self.unix_ms < unix_ms:
            self._put(unix_ms)

    def presume(self, lease_end_unix_ms: int) -> None:
        """There is a lease, and maybe nothing that tells how much of it is left."""
        if self.unix_ms is None:
            self._put(max(0, lease_end_unix_ms - PRESUMED_MS))

    def set(self, unix_ms: int) -> None:
        """The ledger has answered a fresh nonce: it is that time, whatever was thought before."""
        self._put(unix_ms)

    def _put(self, unix_ms: int) -> None:
        self.unix_ms = unix_ms
        self._wall_before_ms = None  # the time before the boot is part of `unix_ms` by then

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return self._unsaved_ms >= SAVE_EVERY_MS

    def save(self) -> bool:
        """Keep the time for the next boot; whether that could be stored. If not, it is due again later."""
        self._unsaved_ms = 0
        try:
            self._kept.write(self._encoded())
        except OSError:
            return False
        return True

    def _encoded(self) -> bytes:
        return TimeKept(version=VERSION, unix_ms=self.unix_ms, wall_unix_ms=self._wall_ms).encode()


def _decode(content: "bytes | None") -> "TimeKept | None":
    if content is None:
        return None
    try:
        kept = TimeKept.decode(content)
    except ProtocolError:
        return None
    return kept if kept.version == VERSION else None
