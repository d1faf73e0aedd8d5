"""The courier's clock and its dice; what decides gets both passed in."""

import random
import time

from amos_sync.limits import CLOCK_OFF_MS


def clock_ms() -> int:
    """Monotonic milliseconds."""
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Unix milliseconds, as this machine believes."""
    return time.time_ns() // 1_000_000


def clock_fault(unix_ms: int, ledger_unix_ms: int, waited_ms: int) -> str | None:
    """What is wrong with this machine's clock, which says `unix_ms`, by an anchor that came `waited_ms` after it was
    asked for; None where nothing is."""
    ahead_ms = unix_ms - ledger_unix_ms
    if -CLOCK_OFF_MS <= ahead_ms <= CLOCK_OFF_MS + waited_ms:
        return None
    found = f"{abs(ahead_ms) // 1000} s {'ahead of' if ahead_ms > 0 else 'behind'} the ledger's"
    return (
        f"the clock of this machine is {found}: certificates may not be accepted, and players that take the time"
        " from it are not believed; set it (timedatectl set-ntp true)"
    )


def jitter_permille() -> int:
    """For `back_off_ms`."""
    return random.randint(0, 1000)
