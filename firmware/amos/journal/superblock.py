"""The two superblocks: from where recovery scans, and the counters as they were then.

They stand in the first and in the last sector, so in different erase blocks on any medium larger than one (a card's is
4 MiB at most), and are written in turn: a cut or a failing erase block spoils one of them.
"""

from amos.journal import record
from amos.journal.facts import Superblock
from amos.protocol.errors import ProtocolError

MAGIC = b"AMOSRING"


def encode(block: Superblock, sector_bytes: int) -> bytes:
    """One whole sector."""
    body = block.encode()
    data = MAGIC + len(body).to_bytes(2, "little") + body
    data += record.checksum(data)
    return data + bytes(sector_bytes - len(data))


def decode(data: bytes):
    """The Superblock in a sector, or None when there is no whole one."""
    size = int.from_bytes(data[8:10], "little")
    if data[:8] != MAGIC or 10 + size + record.CRC_BYTES > len(data):
        return None
    if data[10 + size : 10 + size + record.CRC_BYTES] != record.checksum(data[: 10 + size]):
        return None
    try:
        block = Superblock.decode(data[10 : 10 + size])
    except ProtocolError:
        return None
    return block


def sector_of(generation: int, sector_count: int) -> int:
    return sector_count - 1 if generation % 2 else 0


def load(device) -> list:
    """The whole superblocks of a device, the newest first. Raises OSError."""
    found = []
    for sector in (0, device.sector_count - 1):
        block = decode(device.read(sector, 1))
        if block is not None and sector_of(block.generation, device.sector_count) == sector:
            found.append(block)
    return sorted(found, key=lambda block: -block.generation)


def store(device, block: Superblock) -> None:
    """Write a superblock durably in its turn. Raises OSError."""
    device.write(sector_of(block.generation, device.sector_count), encode(block, device.sector_bytes))
    device.sync()
