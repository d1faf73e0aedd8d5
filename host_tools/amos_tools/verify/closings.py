"""The closings of a log so far: each period once in each currency, by the same readings in all (SPEC section 12)."""

from amos.protocol.closing import METERED, Closing
from amos_tools.verify.errors import Difference, same

SHARED = (*METERED, "period", "catalogue_sha256")
"""What a closing in a further currency has of the period's first."""


class Closings:
    """In the order of the walk."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, Closing]] = {}
        self._latest: dict[str, str] = {}
        self._titles: set[tuple[str, str]] = set()

    def has(self, period: str, currency: str) -> bool:
        """Whether the period is closed in this currency."""
        return (period, currency) in self._titles

    def check(self, label: str, index: int, closing: Closing) -> None:
        """The closing at leaf `index` may follow, and does. Raises `Difference`."""
        period, currency = closing.period, closing.currency
        first = self._first.get(period)
        if self.has(period, currency) or (first is not None and closing.readings_of is None):
            raise Difference(f"{label}.period", "one not closed before", period)
        if closing.readings_of is not None:
            if first is None:
                raise Difference(f"{label}.period", "one closed before in another currency", period)
            same(f"{label}.readings_of", first[0], closing.readings_of)
            for name in SHARED:
                same(f"{label}.{name}", getattr(first[1], name), getattr(closing, name))
            if self._latest.get(currency, "") > period:
                raise Difference(f"{label}.period", f"one after {self._latest[currency]}, closed in {currency}", period)
        self._first.setdefault(period, (index, closing))
        self._latest[currency] = max(period, self._latest.get(currency, ""))
        self._titles.add((period, currency))
