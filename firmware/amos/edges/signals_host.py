"""Stop requests of the operating system, on CPython."""

import signal
from collections.abc import Callable


def on_stop(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM, SIGINT, and SIGHUP of a terminal that closes, instead of ending amid a block."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop())
