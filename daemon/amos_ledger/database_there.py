"""A service that begins before its database does waits for it, as it waits for one that goes away meanwhile."""

import threading
import time
from collections.abc import Callable

from amos_ledger.store.failures import PostgresUnavailable

PAUSES_S = (1.0, 15.0)
"""First and longest between two attempts; doubled each time."""


def wait_for_database(
    reach: Callable[[], object], report: Callable[[str], None], stop: threading.Event, idle_s: float | None
) -> bool:
    """Call `reach` until it no longer raises `PostgresUnavailable`; whether it came to that before `stop`. Each reason
    is reported once. Raises what it raised last after `idle_s`, and anything else at once."""
    begun_s, pause_s, told = time.monotonic(), PAUSES_S[0], ""
    while True:
        try:
            reach()
        except PostgresUnavailable as error:
            if idle_s is not None and time.monotonic() - begun_s >= idle_s:
                raise
            if str(error) != told:
                told = str(error)
                report(f"cannot reach the database: {told}; trying again")
        else:
            if told:
                report("reaches the database")
            return True
        if stop.wait(pause_s if idle_s is None else min(pause_s, idle_s)):
            return False
        pause_s = min(2 * pause_s, PAUSES_S[1])
