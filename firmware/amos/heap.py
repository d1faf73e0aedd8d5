"""How a board's heap stays in one piece.

MicroPython never moves what lives, and collects only when the heap is full: by then what lives long lies everywhere,
and no room for a segment of 16 KB is left. Collecting sooner keeps all of it at the heap's begin.
"""

import gc
import sys

from amos.compat import MICROPYTHON, const

_WORK_COLLECT_BYTES = const(8 << 10)


def begin_work() -> None:
    """Before imports, recovery and the making of a session, which leave garbage: collect, and again whenever so much
    has been allocated."""
    if MICROPYTHON:
        gc.collect()
        gc.threshold(_WORK_COLLECT_BYTES)  # pyright: ignore[reportAttributeAccessIssue] (CPython has set_threshold)


def forget(*names: str) -> None:
    """Let go of modules that are of no more use, of which the caller holds nothing: a board has their code in its heap.
    Import such a module within a function, late, so that what goes lay at the heap's end."""
    if MICROPYTHON:
        for name in names:
            if sys.modules.pop(name, None) is not None:
                package, _dot, module = name.rpartition(".")
                delattr(sys.modules[package], module)


def begin_play() -> None:
    """Before a session's first block: from here on `collect` does it. A threshold would count what functions with many
    locals take for as long as they run, 7 KB a block, and collect ten times a second."""
    if MICROPYTHON:
        gc.collect()
        gc.threshold(-1)  # pyright: ignore[reportAttributeAccessIssue]


def collect() -> None:
    """On boards, every second or so and between two blocks; CPython looks after itself."""
    if MICROPYTHON:
        gc.collect()
