"""In which pool a segment is: that of its device's site when the segment began (SPEC section 12, "Pools"). Pure.

A segment is in one pool as a whole, as it is in one period. Nothing that comes into the log behind it changes that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from amos.protocol.closing import COMMUNAL


class Sited(NamedTuple):
    """An enrolment: its leaf, since when it is in force (of a device's first, from ever), and its site."""

    leaf: int
    since_s: int
    site: str


class Placing(NamedTuple):
    """An entry that opens a pool or places sites: its leaf, since when it is in force, the pool, the sites."""

    leaf: int
    since_s: int
    pool: str
    sites: Sequence[str]


class Membership:
    """Which sites are in which pool when, and which devices at which sites."""

    def __init__(self, placings: Iterable[Placing], enrolments: Mapping[bytes, Sequence[Sited]]) -> None:
        """Both in the log's order."""
        self._of_site: dict[str, list[Placing]] = {}
        for placing in placings:
            for site in placing.sites:
                self._of_site.setdefault(site, []).append(placing)
        self._of_device = enrolments

    def pool_of(self, device_id: bytes, index: int, unix_s: int) -> str:
        """Of a segment of the device, at that leaf, that began at that moment."""
        enrolled = [item for item in self._of_device[device_id] if item.leaf < index]
        site = next((item.site for item in reversed(enrolled) if item.since_s <= unix_s), enrolled[0].site)
        return self.pool_of_site(site, index, unix_s)

    def pool_of_site(self, site: str, index: int, unix_s: int) -> str:
        """Where the site is at that moment, by the first `index` entries of the log."""
        found = (item for item in reversed(self._of_site.get(site, ())) if item.leaf < index)
        return next((item.pool for item in found if item.since_s <= unix_s), COMMUNAL)

    def placed(self, device_id: bytes) -> bool:
        """Whether some entry names a site at which the device ever was: what others play is all communal."""
        return any(item.site in self._of_site for item in self._of_device[device_id])


class SequencesOfPool:
    """Which sequence numbers of which devices are in a pool; of devices that no entry places, all are or none is."""

    def __init__(self, membership: Membership, pool: str) -> None:
        self._membership, self._pool = membership, pool
        self._runs: dict[bytes, list[list[int]]] = {}
        self._placed: dict[bytes, bool] = {}

    def placed(self, device_id: bytes) -> bool:
        """See `Membership.placed`."""
        found = self._placed.get(device_id)
        if found is None:
            found = self._placed[device_id] = self._membership.placed(device_id)
        return found

    def never(self, device_id: bytes) -> bool:
        """Whether no segment of the device can be in the pool."""
        return self._pool != COMMUNAL and not self.placed(device_id)

    def take(self, device_id: bytes, sequence: int, index: int, unix_s: int) -> bool:
        """Whether that segment is in the pool; if so it is kept in mind."""
        if not self.placed(device_id):
            return self._pool == COMMUNAL
        if self._membership.pool_of(device_id, index, unix_s) != self._pool:
            return False
        runs = self._runs.setdefault(device_id, [])
        if runs and runs[-1][1] + 1 == sequence:
            runs[-1][1] = sequence
        else:
            runs.append([sequence, sequence])
        return True

    def chosen(self, found: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
        """Of these (device, sequence), by device and number, those in the pool, when all segments were taken."""
        of_device = b""
        runs: Iterator[list[int]] = iter(())
        run: list[int] | None = None
        for device_id, sequence in found:
            if not self.placed(device_id):
                if self._pool == COMMUNAL:
                    yield device_id, sequence
                continue
            if device_id != of_device:
                of_device, runs = device_id, iter(sorted(self._runs.get(device_id, ())))
                run = next(runs, None)
            while run is not None and run[1] < sequence:
                run = next(runs, None)
            if run is not None and run[0] <= sequence:
                yield device_id, sequence
