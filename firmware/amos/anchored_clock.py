"""The player's clock: the machine's own, and what the ledger says the time is.

A nonce of `challenge` carries the moment that it was given, under a key of this boot, so that nothing is kept for it:
however many peers ask, none of them takes another's nonce away, or any of the player's memory.
"""

import hashlib

from amos.compat import const
from amos.protocol.anchor import Anchor
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import TIME_NONCE_BYTES
from amos.protocol.segment import CLOCK_RELATIVE, CLOCK_SYNCHRONISED

_ROUND_TRIP_MS_MAX = const(60_000)
"""An anchor is wrong by at most half of the time from challenge to answer: by half a minute. What took longer, by hand,
sets no clock."""

_ASKED_BYTES = const(6)
"""Of a nonce, the moment that it was given; the rest is the hash that nobody else can make."""

_SYNCHRONISED_MS = const(25 * 3_600_000)
"""How long an anchor counts as synchronised: a day and an hour, so that a daily one never lapses. At 100 ppm the
oscillator is 9 s off by then."""


class AnchorRefused(ProtocolError):
    """A time anchor that answers no challenge of this player's."""


class AnchoredClock:
    """`clock` (edges/clock.py) with anchors; `random(n)` gives n fresh random bytes.

    anchor   (Unix ms, `now_ms` at that moment) of the last anchor of this boot, or None
    """

    def __init__(self, clock, random):
        self._clock = clock
        self._key = random(32)
        self._answered_ms = -1
        self.anchor: tuple[int, int] | None = None
        self.local = clock.local

    def now_ms(self) -> int:
        """Monotonic milliseconds."""
        return self._clock.now_ms()

    def wall_unix_ms(self) -> "int | None":
        """The machine's wall clock, which nobody vouches for, or None."""
        return self._clock.unix_ms()

    def unix_ms(self) -> "int | None":
        """The best that is known of the time, or None."""
        if self.anchor is None:
            return self._clock.unix_ms()
        return self.anchor[0] + self._clock.now_ms() - self.anchor[1]

    def trusted_unix_ms(self) -> "int | None":
        """The time by the last anchor of this boot, or None."""
        return None if self.anchor is None else self.unix_ms()

    def status(self) -> int:
        """CLOCK_SYNCHRONISED on a fresh anchor, CLOCK_RELATIVE on an old one; without one, the machine's own."""
        if self.anchor is None:
            return self._clock.status()
        fresh = self._clock.now_ms() - self.anchor[1] <= _SYNCHRONISED_MS
        return CLOCK_SYNCHRONISED if fresh else CLOCK_RELATIVE

    def challenge(self) -> bytes:
        """A nonce for an anchor to answer."""
        return self._nonce_of(self._clock.now_ms())

    def _nonce_of(self, asked_ms: int) -> bytes:
        asked = asked_ms.to_bytes(_ASKED_BYTES, "big")
        return (asked + hashlib.sha256(self._key + asked).digest())[:TIME_NONCE_BYTES]

    def take(self, anchor: Anchor, device_id: bytes) -> "tuple[int, int] | None":
        """Rest on a verified anchor. One that was under way for too long, as on a stick, changes nothing here: then the
        answer is (earliest, latest) of what Unix ms it can be. Each nonce is answered once, and none that was given
        before one that has been answered. Raises `AnchorRefused`."""
        if anchor.device_id != device_id:
            raise AnchorRefused("anchor.device_id: expected %s, found %s" % (device_id.hex(), anchor.device_id.hex()))
        asked_ms = int.from_bytes(anchor.nonce[:_ASKED_BYTES], "big")
        if anchor.nonce != self._nonce_of(asked_ms):
            raise AnchorRefused("anchor.nonce: expected one that was given since the boot, found another")
        if asked_ms <= self._answered_ms:
            raise AnchorRefused("anchor.nonce: expected one given after the last that was answered, found an older one")
        round_trip_ms = self._clock.now_ms() - asked_ms
        self._answered_ms = asked_ms
        if round_trip_ms > _ROUND_TRIP_MS_MAX:
            return anchor.unix_ms, anchor.unix_ms + round_trip_ms
        self.anchor = anchor.unix_ms, asked_ms + round_trip_ms // 2
        return None
