"""When Python looks for objects that only hold each other, and when free memory goes back to the system.

All other objects are freed at once, and neither batches nor closings make such.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_collecting() -> Iterator[None]:
    """Not meanwhile: what has to live to the end of the work would be looked at again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def keep_what_is_loaded() -> None:
    """A service begins: what is there stays, and need not be looked at any more."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Give free memory back to the system, where the C library has a call for that (glibc).

    Columns by which a large period is worked out are let go of in the middle of others that stay, and the C library
    keeps their room for more of the same size. Where small objects follow, which lie elsewhere, it would be held for
    nothing: 140 MB of a million stems.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
