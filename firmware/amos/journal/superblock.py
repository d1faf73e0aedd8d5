"""The two superblocks: from where recovery scans, and the counters as they were then.

They stand in the first and in the last sector of the ring, so in different erase blocks on any medium larger than one
(a card's is 4 MiB at most), and are written in turn.
"""

from amos.journal import slot
from amos.journal.facts import Superblock

MAGIC = b"AMOSRING"


def sector_of(block: Superblock) -> int:
    """The sector in which it stands."""
    return block.sector_count - 1 if block.generation % 2 else 0


def decode(data: bytes):
    """The Superblock in a sector, or None when there is no whole one."""
    return slot.decode(MAGIC, Superblock, data)


def load(medium) -> list:
    """The whole superblocks of a medium, the newest first. Raises OSError.

    The superblock in the first sector names the last sector, in case the medium's size has changed.
    """
    found = []
    last = medium.sector_count - 1
    first = decode(medium.read(0, 1))
    if first is not None and sector_of(first) == 0:
        found.append(first)
        last = min(last, first.sector_count - 1)
    block = decode(medium.read(last, 1))
    if block is not None and sector_of(block) == last:
        found.append(block)
    return sorted(found, key=lambda block: -block.generation)


def store(medium, block: Superblock) -> None:
    """Write a superblock durably in its turn. Raises OSError."""
    medium.write(sector_of(block), slot.encode(MAGIC, block, medium.sector_bytes))
    medium.sync()
