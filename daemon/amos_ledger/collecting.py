"""When Python looks for objects that only hold each other. All others are freed at once, and batches make no such."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_collecting() -> Iterator[None]:
    """Not meanwhile: what has to live to the end of a batch would be looked at again and again."""
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
