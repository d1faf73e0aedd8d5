"""How far what an output says has sounded is ahead of the player's clock."""

from typing import Any

LEAD_MS_MAX = 1000
"""An output that is so much ahead has no clock, and the player must not meter it: the ledger takes 1,500 ms between
any two moments for a forgery (`clock_slower_than_samples`). What a buffer held when its clock began is far less."""

CATCH_UP_MS = 250
"""How much of a standstill a device may make up for; what it fell behind by more sounds later."""

FAST_PPM = 500
"""A crystal beside another may be so much faster; the ledger bears 1,000."""


class Lead:
    """Between any two moments at which `ms` was asked no more has sounded than the time between them, `FAST_PPM` of it,
    the lead that was told last, and `CATCH_UP_MS`."""

    def __init__(self, rate_hz: int, clock: Any) -> None:
        self._rate_hz = rate_hz
        self._clock = clock
        self._asked_ms: int | None = None
        self._frames = 0
        self._units = 0  # of a millionth of a frame's thousandth: whole at each rate and millisecond

    def ms(self, frames: int) -> int:
        """Milliseconds of lead, where so many `frames` have sounded in all; below 0 where there is none."""
        now_ms, rate_hz = self._clock.now_ms(), self._rate_hz
        if self._asked_ms is not None:
            elapsed_ms = now_ms - self._asked_ms
            self._units += (frames - self._frames) * 1_000_000_000 - elapsed_ms * rate_hz * (1_000_000 + FAST_PPM)
            self._units = max(self._units, -CATCH_UP_MS * rate_hz * 1_000_000)
        self._asked_ms, self._frames = now_ms, frames
        return self._units // (rate_hz * 1_000_000)
