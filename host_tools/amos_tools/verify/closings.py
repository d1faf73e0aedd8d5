"""The closings of a log so far: each period once for each pool and currency, by the same readings in all of one pool
(SPEC section 12)."""

from amos.protocol.closing import COMMUNAL, METERED, VERSION, VERSION_LISTED, Closing
from amos_tools.verify.errors import Difference, same

SHARED = (*METERED, "period", "catalogue_sha256")
"""What a closing in a further currency has of the pool's first."""


class Closings:
    """In the order of the walk."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, Closing]] = {}
        self._of_pool: dict[tuple[str, str], Closing] = {}
        self._latest: dict[tuple[str, str], str] = {}
        self._titles: set[tuple[str, str, str]] = set()
        self._passed_over: set[str] = set()

    def has(self, period: str, currency: str, pool: str) -> bool:
        """Whether the pool is closed for the period in this currency."""
        return (period, currency, pool) in self._titles

    def check(self, label: str, index: int, closing: Closing, several: bool) -> None:
        """The closing at leaf `index` may follow, and does; `several`: a pool was opened before it. Raises
        `Difference`."""
        period, currency, pool = closing.period, closing.currency, closing.pool or COMMUNAL
        first = self._first.get(period)
        if self.has(period, currency, pool) or (first is not None and closing.readings_of is None):
            raise Difference(f"{label}.period", "one not closed before", period)
        if closing.readings_of is not None:
            if first is None:
                raise Difference(f"{label}.period", "one closed before in another currency", period)
            same(f"{label}.readings_of", first[0], closing.readings_of)
            same(f"{label}.catalogue_sha256", first[1].catalogue_sha256, closing.catalogue_sha256)
            of_pool = self._of_pool.get((period, pool), closing)
            for name in SHARED:
                same(f"{label}.{name}", getattr(of_pool, name), getattr(closing, name))
            latest = self._latest.get((currency, pool), "")
            if latest > period and period not in self._passed_over:
                raise Difference(f"{label}.period", f"one after {latest}, closed in {currency}", period)
        _check_version(label, closing, first, several)
        if first is None and max(self._first, default="") > period:
            self._passed_over.add(period)
        self._first.setdefault(period, (index, closing))
        self._of_pool.setdefault((period, pool), closing)
        self._latest[currency, pool] = max(period, self._latest.get((currency, pool), ""))
        self._titles.add((period, currency, pool))


def _check_version(label: str, closing: Closing, first: tuple[int, Closing] | None, several: bool) -> None:
    """A pool is named where there are several, of those before the period's first closing, or where it is another."""
    settled_by = closing if first is None else first[1]
    named = several if first is None else settled_by.version == VERSION
    if first is not None and settled_by.version <= VERSION_LISTED:
        raise Difference(f"{label}.readings_of", "the leaf of a closing by readings", closing.readings_of)
    if (named or closing.pool not in (None, COMMUNAL)) != (closing.version == VERSION):
        expected = f"{VERSION}, as there are several pools" if named else f"below {VERSION}, as there is one pool"
        raise Difference(f"{label}.version", expected, closing.version)
