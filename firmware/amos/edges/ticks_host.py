"""MicroPython's millisecond ticks on CPython, where they never wrap."""

import time


def ticks_ms() -> int:
    """Milliseconds of the system's monotonic clock."""
    return time.monotonic_ns() // 1_000_000


def ticks_diff(later: int, earlier: int) -> int:
    return later - earlier


def sleep_ms(duration_ms: int) -> None:
    time.sleep(duration_ms / 1000)
