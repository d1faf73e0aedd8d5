"""Section `ledger-large`: a log of a million segments, and one of ten million short entries, against small ones.

Half an hour of one core and some 20 GB of disk at a time, which are free again when it ends.
"""

from amos_tools.bench.figure import Figure
from amos_tools.bench.ledger_size import BARE, PLAYERS, SEGMENTS, SMALL, flatness, measured_size

LARGE, HUGE = 1_000_000, 10_000_000


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    players = max(32, round(PLAYERS * min(scale, 1)))
    found = []
    for contents, leaves in ((SEGMENTS, LARGE), (BARE, HUGE)):
        small, large = (measured_size(round(size * scale), contents, players) for size in (SMALL, leaves))
        found += flatness(small, large)
    return found
