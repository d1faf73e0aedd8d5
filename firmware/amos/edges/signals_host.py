"""Stop requests of the operating system, on CPython."""

import signal
from collections.abc import Callable


def on_stop(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT, instead of ending the process in the middle of a block."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop())
