"""Which devices of a fleet are audited on which day: seeded, so that anybody takes the same ones, and nobody who does
not know the seed can tell which."""

import hashlib
from collections.abc import Iterable, Mapping

from amos.protocol.merkle import leaf_hash


def rank(seed: str, day: str, device_id: bytes) -> bytes:
    """Where a device stands in the order of that day; the least are taken."""
    return hashlib.sha256(b"amos/1/audit-sample\x00" + leaf_hash(seed.encode()) + day.encode() + device_id).digest()


def choose(days: Mapping[str, Iterable[bytes]], count: int, seed: str) -> dict[str, list[bytes]]:
    """`count` of the devices of each day, or all where there are fewer."""
    chosen: dict[str, list[bytes]] = {}
    for day, devices in sorted(days.items()):
        ranked = sorted((rank(seed, day, device_id), device_id) for device_id in devices)
        chosen[day] = [device_id for _rank, device_id in ranked[:count]]
    return chosen
