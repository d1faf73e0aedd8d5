"""Who gives way when there is no more room for what sticks bring: no stranger, however much it brings, takes the place
of shops whose segments the ledger has taken.

What a stick says may be made up, also whose it is. The ledger alone tells players from strangers: of those that it has
receipted or holds something, what is here stays. Of all others the site that has most gives way to those that have
less.
"""

import time
from collections.abc import Iterator

from amos_sync.limits import CARRIED_DEVICES_MAX, CARRIED_ROOM_DEVICES, INBOX_ITEMS_A_TURN
from amos_sync.outbox import Outbox
from amos_sync.spool import Spool


class CarriedRoom:
    """What is let go of is staged with the spool. `begin` with each bundle.

    gone   segments of the bundle's own site that gave way since
    """

    def __init__(self, spool: Spool, outbox: Outbox) -> None:
        self._spool = spool
        self._outbox = outbox
        self._in_vain: set[tuple[str, bool]] = set()
        self._site = ""
        self.gone = 0

    def begin(self, site: str) -> None:
        """A bundle of this site is taken in, or gone on with."""
        if site != self._site:
            self._site, self.gone = site, 0
            self._in_vain.clear()

    def let_go(self, gone: list[tuple[bytes, int]]) -> None:
        """Of carried entries."""
        self._spool.carried.stage_gone([id for _device_id, id in gone])
        for device_id, id in gone:
            self._outbox.forget(device_id, id)

    def for_device(self, device_id: bytes) -> bool:
        """Whether the device is taken note of, or can be now."""
        carried = self._spool.carried
        if carried.is_carried_for(device_id) or carried.devices() < CARRIED_DEVICES_MAX:
            return True
        strangers = carried.strangers(CARRIED_ROOM_DEVICES)
        for stranger, site in strangers:
            entries = carried.of_device(stranger)
            self.let_go(entries)
            self.gone += len(entries) if site == self._site else 0
            carried.stage_no_device(stranger)
        return bool(strangers)

    def for_segment(self, device_id: bytes, size: int) -> bool:
        """Whether there is room for a segment of this size, or can be now."""
        carried = self._spool.carried
        if carried.has_room(size):
            return True
        is_known = carried.is_known_to_ledger(device_id)
        if (self._site, is_known) in self._in_vain:
            return False
        for gone in self._giving_way(is_known):
            self.let_go(gone)
            if carried.has_room(size):
                return True
        self._in_vain.add((self._site, is_known))
        return False

    def _giving_way(self, is_known: bool) -> Iterator[list[tuple[bytes, int]]]:
        """Each is looked for once all before it are gone."""
        carried = self._spool.carried
        yield carried.refused(INBOX_ITEMS_A_TURN)
        yield carried.waiting_of_largest(self._site, is_known, INBOX_ITEMS_A_TURN)
        yield carried.receipted(is_known, int(time.time()), INBOX_ITEMS_A_TURN)
