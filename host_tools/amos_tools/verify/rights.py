"""Whose each stem was at which moment: the catalogues that the log names, in time (SPEC section 12)."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from amos.protocol.catalogue import Catalogue

Splits = list[tuple[str, int]]
"""(payee, ppm) in the catalogue's order."""


@dataclass
class Owned:
    """A stem in time: since when which serial's splits hold, wherever they changed; and what it is called last."""

    since_s: list[float] = field(default_factory=list)
    serials: list[int] = field(default_factory=list)
    splits: dict[int, Splits] = field(default_factory=dict)
    texts: tuple[str, str, str] = ("", "", "")


class Rights:
    """Built from the catalogues that came into force, in their order."""

    def __init__(self, named: Iterable[tuple[float, Catalogue]]) -> None:
        """`named`: (since when in Unix seconds, catalogue), ascending; minus infinity of one in force from ever."""
        self.stems: dict[bytes, Owned] = {}
        self.changes_s: set[float] = set()
        for since_s, catalogue in named:
            self._add(since_s, catalogue)
        self._changes = sorted(self.changes_s)

    def _add(self, since_s: float, catalogue: Catalogue) -> None:
        for work in catalogue.works:
            owned = self.stems.setdefault(work.stem_id, Owned())
            splits = [(share.payee, share.ppm) for share in work.splits]
            if not owned.serials or owned.splits[owned.serials[-1]] != splits:
                if owned.serials:
                    self.changes_s.add(since_s)
                owned.since_s.append(since_s)
                owned.serials.append(catalogue.serial)
                owned.splits[catalogue.serial] = splits
            owned.texts = work.title, work.artist, work.isrc or ""

    def at(self, stem: bytes, unix_s: int) -> int | None:
        """The serial whose splits hold for play at that moment; None of a stem that no catalogue has."""
        owned = self.stems.get(stem)
        if owned is None:
            return None
        return owned.serials[max(0, bisect_right(owned.since_s, unix_s) - 1)]

    def constant(self, first_s: int, last_s: int) -> bool:
        """Whether no splits of any stem change after the first moment and up to the last."""
        return bisect_right(self._changes, first_s) == bisect_right(self._changes, last_s)

    def splits(self, stem: bytes, serial: int) -> Splits:
        """The splits of a stem that hold under this serial."""
        return self.stems[stem].splits[serial]
