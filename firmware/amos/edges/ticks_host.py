"""MicroPython's millisecond ticks on CPython, where they never wrap."""

import time

OSCILLATOR = getattr(time, "CLOCK_MONOTONIC_RAW", time.CLOCK_MONOTONIC)


def ticks_ms() -> int:
    """Milliseconds of the system's oscillator. Its monotonic clock is bent while a time service corrects the time, by
    chrony up to 8 %: samples would seem to last longer than they do."""
    return time.clock_gettime_ns(OSCILLATOR) // 1_000_000


def ticks_diff(later: int, earlier: int) -> int:
    return later - earlier


def sleep_ms(duration_ms: int) -> None:
    time.sleep(duration_ms / 1000)
