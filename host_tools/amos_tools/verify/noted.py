"""What the first reading of the log noted for the later ones. No signature was looked at."""

from collections.abc import Iterator

from amos.protocol.closing import VERSION_LISTED, Closing
from amos.protocol.opt_outs import OptOuts
from amos_tools.verify.log import Before
from amos_tools.verify.opened import Named, Surveyed, key_table


class Noted:
    """Bundle after bundle, in their order.

    keys      key id → public key, as enrolments name them
    closings  (leaf index, entry, what it claims)
    """

    def __init__(self) -> None:
        self.keys: dict[bytes, bytes] = {}
        self.closings: list[tuple[int, bytes, Closing]] = []
        self._opt_outs: list[tuple[int, OptOuts]] = []
        self._catalogues: list[tuple[float, Named]] = []
        self._first_batch_s: int | None = None
        self._received_s: int | None = None

    def take(self, found: Surveyed) -> None:
        """The next bundle."""
        self.keys.update(key_table(found.keys))
        self._opt_outs += found.opt_outs
        self.closings += found.closings
        for named in found.catalogues:
            last_s = self._received_s if named.received_s is None else named.received_s
            moments = [moment for moment in (last_s, named.came_s) if moment is not None]
            self._catalogues.append((max(moments, default=float("-inf")), named))
        if found.batches:
            self._received_s = found.batches[-1]
            self._first_batch_s = found.batches[0] if self._first_batch_s is None else self._first_batch_s

    def opt_outs(self, index: int) -> list[OptOuts]:
        """The lists before this leaf."""
        return [item for at, item in self._opt_outs if at < index]

    def catalogues(self, index: int) -> Iterator[tuple[float, Named]]:
        """Those that came into force before this leaf, and since when each is known."""
        latest_s, highest = float("-inf"), -1
        for since_s, named in self._catalogues:
            latest_s = max(latest_s, since_s)
            if named.leaf < index and named.serial > highest:
                highest = named.serial
                yield latest_s, named

    def before(self) -> Before:
        """What dates the usage that no reception does."""
        listed = [(at, item) for at, _entry, item in self.closings if item.version <= VERSION_LISTED]
        return Before(self._first_batch_s, tuple(listed))
