"""In which pool each segment is, by the entries in front of it in the log (SPEC section 12, "Pools").

The ledger's rule a second time, in its own words: the last enrolment that is in force at the moment says the site, the
last entry about that site that is in force says the pool.
"""

from amos.protocol.enrolment import Enrolment
from amos.protocol.licence_pool import OPEN, LicencePool
from amos_tools.verify.errors import Difference, same

COMMUNAL = "communal"


class Pools:
    """So far in the walk. `opened`: names of the pools, in their order."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self._number = 0
        self._sites: dict[bytes, list[tuple[int, str]]] = {}
        self._pools: dict[str, list[tuple[int, str]]] = {}

    def take_enrolment(self, enrolment: Enrolment, received_s: int | None) -> None:
        """A device is at a site."""
        since_s = max(enrolment.unix_s, received_s or 0)
        self._sites.setdefault(enrolment.device_id, []).append((since_s, enrolment.site))

    def take(self, label: str, said: LicencePool, received_s: int | None) -> None:
        """A pool is opened, or sites are placed. Raises `Difference`."""
        self._number += 1
        same(f"{label}: pool.number", self._number, said.number)
        if said.action == OPEN:
            if said.pool in self.opened:
                raise Difference(f"{label}: pool.pool", "a name that no pool before has", said.pool)
            self.opened.append(said.pool)
        self.check_open(f"{label}: pool.pool", said.pool)
        since_s = max(said.from_unix_s, received_s or 0)
        for site in said.names:
            self._pools.setdefault(site, []).append((since_s, said.pool))

    def check_open(self, label: str, pool: str) -> None:
        """Raise `Difference` for a pool that no entry so far opened."""
        if pool != COMMUNAL and pool not in self.opened:
            raise Difference(label, f"one of {', '.join((COMMUNAL, *self.opened))}", pool)

    def of(self, device_id: bytes, unix_s: int) -> str:
        """Of play of an enrolled device that began at that moment."""
        if not self._pools:
            return COMMUNAL
        enrolled = self._sites[device_id]
        site = _last(enrolled, unix_s) or enrolled[0][1]
        return _last(self._pools.get(site, []), unix_s) or COMMUNAL


def _last(dated: list[tuple[int, str]], unix_s: int) -> str | None:
    """What the last of those says that are in force at the moment; None of none."""
    return next((name for since_s, name in reversed(dated) if since_s <= unix_s), None)
