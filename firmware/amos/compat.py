"""Every shim for what MicroPython lacks or does otherwise, each with its reason."""

import gc
import sys

COLLECT_BYTES = 32 << 10
"""Two seconds of play on a Pico 2 W; a collection takes it some 15 ms."""

MICROPYTHON = sys.implementation.name == "micropython"

try:
    from micropython import const  # pyright: ignore[reportAssignmentType] (folds module constants at compile time)
except ImportError:

    def const(value):
        """CPython has no compile-time constants; the value itself serves."""
        return value


def keep_heap_whole() -> None:
    """MicroPython's heap never moves what lives, and collects only when it is full: by then what lives long lies
    everywhere, and no room for a segment of 16 KB is left. Collecting sooner keeps all of it at the heap's begin."""
    if MICROPYTHON:
        gc.threshold(COLLECT_BYTES)  # pyright: ignore[reportAttributeAccessIssue] (CPython has set_threshold)


if MICROPYTHON:

    def readinto(file, buffer, count: int) -> int:
        """Read at most `count` bytes to the front of `buffer`; how many. MicroPython's second argument saves a view,
        which would be an allocation for each read of each stem."""
        return file.readinto(buffer, count)

else:

    def readinto(file, buffer, count: int) -> int:
        """As above; CPython's takes the size from the buffer."""
        return file.readinto(memoryview(buffer)[:count])
