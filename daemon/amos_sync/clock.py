"""The courier's clock and its dice; what decides gets both passed in."""

import random
import time


def clock_ms() -> int:
    """Monotonic milliseconds."""
    return time.monotonic_ns() // 1_000_000


def jitter_permille() -> int:
    """For `back_off_ms`."""
    return random.randint(0, 1000)
