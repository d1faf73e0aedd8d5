"""How a board's heap stays in one piece."""

import gc

from amos.compat import MICROPYTHON

COLLECT_BYTES = 32 << 10
"""Two seconds of play on a Pico 2 W, which a collection takes some 15 ms."""


def keep_heap_whole() -> None:
    """MicroPython's heap never moves what lives, and collects only when it is full: by then what lives long lies
    everywhere, and no room for a segment of 16 KB is left. Collecting sooner keeps all of it at the heap's begin."""
    if MICROPYTHON:
        gc.threshold(COLLECT_BYTES)  # pyright: ignore[reportAttributeAccessIssue] (CPython has set_threshold)
