"""Whose a stem was, and when: the catalogues of the log in time (SPEC section 12, "Whose it is"). Pure."""

from bisect import bisect_right
from collections.abc import Iterable

from amos.protocol.catalogue import TYP_CATALOGUE, Catalogue, Work
from amos.protocol.cose import parse_typed
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX

Split = tuple[tuple[str, int], ...]
"""(payee, ppm) of each payee of a stem, in the catalogue's order."""


class RightsHistory:
    """The catalogues that came into force, given in the log's order as (since when, what it says, its bytes); None:
    from ever. The splits of a stem are kept once for each time that they changed.

    newest    bytes of the last one that came into force
    instants  seconds in which the splits of any stem changed
    """

    def __init__(self, named: Iterable[tuple[int | None, Catalogue, bytes]]) -> None:
        self.newest = b""
        self._changes: dict[bytes, list[tuple[int, int, Split]]] = {}  # by stem: since, serial, splits
        self._work: dict[bytes, Work] = {}
        since_s, serial = -1, -1
        instants = set()
        for known_s, catalogue, data in named:
            since_s = max(since_s, -1 if known_s is None else known_s)
            if catalogue.serial <= serial:
                continue
            serial, self.newest = catalogue.serial, data
            for work in catalogue.works:
                splits = tuple((share.payee, share.ppm) for share in work.splits)
                changes = self._changes.setdefault(work.stem_id, [])
                if not changes or changes[-1][2] != splits:
                    changes.append((since_s, serial, splits))
                    instants.update([since_s] if len(changes) > 1 else [])
                self._work[work.stem_id] = work
        self.instants = sorted(instants)

    def epoch(self, unix_s: int) -> int:
        """How many of the instants are past: within an epoch no splits change."""
        return bisect_right(self.instants, unix_s)

    def rights(self, stem_id: bytes, unix_s: int) -> int | None:
        """The serial under which the splits of that moment came into force; None of a stem that no catalogue has."""
        changes = self._changes.get(stem_id)
        if changes is None:
            return None
        at = bisect_right(changes, unix_s, key=lambda change: change[0]) - 1
        return changes[max(at, 0)][1]

    def rights_in(self, stem_id: bytes, epoch: int) -> int | None:
        """As `rights`, of any moment of the epoch."""
        return self.rights(stem_id, self.instants[epoch - 1] if epoch else -1)

    def splits(self, stem_id: bytes, rights: int) -> Split:
        """The splits that came into force with that serial. Raises `LookupError` for rights that no row has."""
        for _since, serial, splits in self._changes[stem_id]:
            if serial == rights:
                return splits
        raise LookupError(f"stem {stem_id.hex()}: expected splits of catalogue {rights}")

    def work(self, stem_id: bytes) -> Work:
        """Title, artist and code of a stem, as the last catalogue that has it tells them."""
        return self._work[stem_id]


def decode_catalogue(catalogue: bytes) -> Catalogue:
    """What a catalogue says that was verified when it was taken in."""
    decoded: Catalogue = Catalogue.decode(parse_typed(catalogue, TYP_CATALOGUE, CATALOGUE_BYTES_MAX).payload)
    return decoded
