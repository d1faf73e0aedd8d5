"""The time by which leases end: what is certain, and where nothing is, what has at least gone by (RIGHTS.md)."""

from amos.compat import const
from amos.protocol.errors import ProtocolError
from amos.protocol.record import U8, UNIX_MS_MAX, Record

VERSION = 2
KEPT_BYTES_MAX = 64
_DEVICE_ID_BYTES = const(16)

_SAVE_EVERY_MS = const(600_000)
"""Between two savings while nothing puts the clock; a power cut loses at most so much of what has gone by."""

_BOOT_ADDS_MS = const(_SAVE_EVERY_MS)
"""So a boot counts for as much, and no rhythm of restarts makes a lease longer."""

_PUT_APART_MS = const(60_000)
"""What was put is saved at once, but for an anchor that says, within a minute, what is kept already: couriers that come
and go each second would wear a flash out. It is saved with the next ten minutes; a boot adds more than that."""

_AWAY_MS_MAX = const(86_400_000)
"""So long may a wall clock nobody vouches for say that the player was off: a night, not the years it may err."""

_PRESUMED_MS = const(30 * 86_400_000)
"""What is left of a lease where nothing at all tells the time: a month of play."""


class TimeKept(Record):
    """What outlives a boot. `unix_ms`: the lease clock; `wall_unix_ms`: the machine's own clock at that moment.

    device_id   whose time it is; version 1 has none and is the player's own
    lost        what had been kept was found lost, and no anchor has come since; version 2 only
    """

    NAME = "time kept"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "unix_ms", "uint?", UNIX_MS_MAX),
        (3, "wall_unix_ms", "uint?", UNIX_MS_MAX),
        (4, "device_id", "bytes?", _DEVICE_ID_BYTES),
        (5, "lost", "bool?", None),
    )

    version: int
    unix_ms: "int | None"
    wall_unix_ms: "int | None"
    device_id: "bytes | None"
    lost: "bool | None"

    def fault(self) -> "str | None":
        if self.version not in (1, VERSION):
            return "version: expected at most %d, found %d" % (VERSION, self.version)
        if (self.version == 1) != (self.device_id is None and self.lost is None):
            return "device_id and lost: expected in version 2"
        return None


class LeaseClock:
    """Never goes back, but by the ledger's word (`set`).

    unix_ms   Unix time in ms that leases are held against; None while nothing is known. Without anchors it falls behind
              by the time the player was off, and runs ahead by ten minutes a boot.
    lost      this player kept the time before, and what it kept is gone: no lease runs until an anchor comes

    `kept` is a `TwoSlotFile` or its twin; `now_ms` monotonic; `wall_unix_ms` the machine's wall clock, or None.
    `ran_before`: the journal or what is beside it tells of an earlier boot of this player. A boot is counted durably
    before anything else. Raises OSError when that cannot be stored.
    """

    def __init__(
        self, kept, now_ms: int, wall_unix_ms: "int | None", device_id=bytes(_DEVICE_ID_BYTES), ran_before: bool = False
    ):
        before = _decode(kept.read(), device_id)
        self._kept = kept
        self._device_id = device_id
        self._last_ms = now_ms
        self._elapsed_ms = 0  # since the boot
        self._unsaved_ms = 0
        self._saved_ms: int | None = None
        self._wall_ms = wall_unix_ms
        self._wall_before_ms = before.wall_unix_ms if before else None
        self._away_ms = _BOOT_ADDS_MS  # counted for the time before the boot
        self.lost = bool(before.lost) if before else ran_before
        self.unix_ms = before.unix_ms if before else None
        if self.unix_ms is not None:
            self.unix_ms += _BOOT_ADDS_MS
        self.tick(now_ms, wall_unix_ms)
        self._write()

    def tick(self, now_ms: int, wall_unix_ms: "int | None", trusted_unix_ms: "int | None" = None) -> None:
        """Time has gone on. `now_ms` before an earlier one (another clock) counts as no time. `trusted_unix_ms`: what
        an anchor of this boot makes of it, which the lease clock is never behind."""
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
            away = min(wall_unix_ms - self._wall_before_ms - self._elapsed_ms, _AWAY_MS_MAX)
            if away > self._away_ms:
                self.unix_ms += away - self._away_ms
                self._unsaved_ms += away - self._away_ms
                self._away_ms = away
        if trusted_unix_ms is not None and trusted_unix_ms > self.unix_ms:
            self._unsaved_ms += trusted_unix_ms - self.unix_ms
            self.unix_ms = trusted_unix_ms

    def at_least(self, unix_ms: int) -> None:
        """Something signed is of that time, so it is as late as that. Where nothing was known the machine's wall clock
        may know more: nobody vouches for it, so it only ever makes a lease shorter."""
        if self.unix_ms is None:
            self._put(max(unix_ms, self._wall_ms or 0))
        elif self.unix_ms < unix_ms:
            self._put(unix_ms)

    def presume(self, lease_end_unix_ms: int) -> None:
        """There is a lease, and maybe nothing that tells how much of it is left."""
        if self.unix_ms is None:
            self.at_least(max(0, min(lease_end_unix_ms, UNIX_MS_MAX) - _PRESUMED_MS))

    def set(self, unix_ms: int) -> None:
        """The ledger has answered a fresh nonce: it is that time, whatever was thought before."""
        was_lost, self.lost = self.lost, False
        self._put(unix_ms, anyway=was_lost)

    def bound(self, earliest_unix_ms: int, latest_unix_ms: int) -> None:
        """The ledger has answered a nonce that was given long ago: it is no earlier and no later than that. Where
        nothing was known it counts as the latest, so that no lease lasts too long."""
        if self.lost or self.unix_ms is None:
            self.set(latest_unix_ms)
        elif self.unix_ms < earliest_unix_ms or self.unix_ms > latest_unix_ms:
            self._put(max(earliest_unix_ms, min(self.unix_ms, latest_unix_ms)))

    def _put(self, unix_ms: int, anyway: bool = False) -> None:
        self.unix_ms = unix_ms
        self._wall_before_ms = None  # the time before the boot is part of `unix_ms` by then
        if anyway or self._saved_ms is None or abs(unix_ms - self._saved_ms) > _PUT_APART_MS:
            self.save()

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return self._unsaved_ms >= _SAVE_EVERY_MS

    def save(self) -> bool:
        """Keep the time for the next boot; whether that could be stored. If not, it is due again a minute later."""
        try:
            self._write()
        except OSError:
            self._unsaved_ms = _SAVE_EVERY_MS - _PUT_APART_MS
            return False
        return True

    def _write(self) -> None:
        unix_ms = self.unix_ms
        kept = TimeKept(
            version=VERSION,
            unix_ms=_capped(unix_ms),
            wall_unix_ms=_capped(self._wall_ms),
            device_id=self._device_id,
            lost=self.lost,
        )
        self._unsaved_ms = 0
        self._kept.write(kept.encode())
        self._saved_ms = unix_ms


def _capped(unix_ms: "int | None") -> "int | None":
    """What can be stored: every lease has ended by then."""
    return None if unix_ms is None else min(unix_ms, UNIX_MS_MAX)


def _decode(content: "bytes | None", device_id: bytes) -> "TimeKept | None":
    """What this player kept; None where there is nothing, or what another one kept."""
    if content is None:
        return None
    try:
        kept = TimeKept.decode(content)
    except ProtocolError:
        return None
    return kept if kept.device_id in (None, device_id) else None
