"""A worker does what may take long (the storage's syncs) while music goes on. Its contract:

busy             whether what was submitted last is still being done
submit(act)      the worker calls `act()`; not while busy. Until it has ended, nobody else touches what it works on
settle()         wait until it is; raises what `act` raised, once
flush_after_ms   of play not yet flushed: when to begin a flush
wait_after_ms    and when not to play on before one is done
"""

from amos.compat import MICROPYTHON


class InlineWorker:
    """Calls `act` at once, in `submit`: for runtimes without threads, and where every run must be the same."""

    busy = False
    flush_after_ms = wait_after_ms = 1000

    def submit(self, act) -> None:
        act()

    def settle(self) -> None:
        return None


def open_worker(free: bool):
    """A thread where there are any; not while running free, where every run has to be the same."""
    if MICROPYTHON or free:
        return InlineWorker()
    from amos.edges.worker_host import ThreadWorker

    return ThreadWorker()
