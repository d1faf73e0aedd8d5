"""A board's watchdog: a reset after _TIMEOUT_MS without a sign of life. Once started it cannot be stopped.

So it must be fed at all times. While a player plays, only the player's loop feeds it, by `heartbeat()`: when the loop
hangs, the watchdog resets the board, and the next start seals what was played. At all other times (while the player
starts, at the prompt, while files are copied) a timer does it. `boot.py` calls `keep()`; it runs after every reset,
also a soft one, which ends timers but not the watchdog.
"""

from amos.compat import const

# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
# The stubs here are the unix port's, whose `machine` is not a board's.

_TIMEOUT_MS = const(8000)
"""An RP2350 counts to 8388 at most."""

_KEEP_MS = const(2000)

_kept: list = []  # the watchdog and its timer, once there are any


def keep() -> None:
    """Start the watchdog, or find it, and have a timer feed it. Once, from boot.py."""
    from machine import WDT, Timer

    try:
        timer = Timer(-1)  # of software, where the port has those
    except ValueError:
        timer = Timer(0)
    _kept[:] = [WDT(timeout=_TIMEOUT_MS), timer]
    rest()


def rest() -> None:
    """No player runs: the timer feeds the watchdog."""
    if _kept:
        dog, timer = _kept
        dog.feed()
        timer.init(period=_KEEP_MS, callback=lambda _timer: dog.feed())


def heartbeat():
    """What a player calls for each turn of its loop, or None where boot.py started no watchdog. From its first call
    on the timer is still, until `rest`."""
    if not _kept:
        return None
    dog, timer = _kept
    waiting = [timer]

    def beat() -> None:
        if waiting:
            waiting.pop().deinit()
        dog.feed()

    return beat
