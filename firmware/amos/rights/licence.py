"""A licence to play one pack: all of its stems but those opted out, each until its lease ends."""

from amos.compat import const

_NEVER_S = const(1 << 62)
"""After every lease."""


class Licence:
    """`manifest` of the pack, `opt_outs` (OptOutList) and `lease_clock` (LeaseClock) of the player.

    A stem once withdrawn stays so as long as the licence is in use: what was undone meanwhile counts from the next one.
    """

    def __init__(self, manifest, opt_outs, lease_clock):
        self._manifest = manifest
        self._opt_outs = opt_outs
        self._clock = lease_clock
        self._asked_of = None
        self._next_end_s = 0
        self._withdrawn = bytearray(len(manifest.stems))
        self._left = len(manifest.stems)
        if manifest.issued_unix_s is not None:
            lease_clock.at_least(manifest.issued_unix_s * 1000)
        lease_clock.presume(manifest.lease_end_unix_s * 1000)

    def _unix_s(self) -> int:
        if self._clock.lost:
            return _NEVER_S
        return (self._clock.unix_ms or 0) // 1000

    def seconds_left(self) -> int:
        """Until the pack's lease ends; 0 when it has."""
        return max(0, self._manifest.lease_end_unix_s - self._unix_s())

    def withdraw(self) -> list:
        """The stems (indexes, ascending) that lost their permission since the last call. Nearly always empty."""
        unix_s, opt_outs = self._unix_s(), self._opt_outs.in_force
        if opt_outs is self._asked_of and unix_s < self._next_end_s:
            return []
        self._asked_of = opt_outs
        self._next_end_s = pack_end_s = self._manifest.lease_end_unix_s
        found = []
        for index, stem in enumerate(self._manifest.stems):
            if self._withdrawn[index]:
                continue
            end_s = min(stem.lease_end_unix_s, pack_end_s)
            if end_s <= unix_s or (opt_outs is not None and stem.stem_id in opt_outs):
                self._withdrawn[index] = 1
                found.append(index)
            else:
                self._next_end_s = min(self._next_end_s, end_s)
        self._left -= len(found)
        if not self._left:
            self._next_end_s = _NEVER_S  # nothing is left to end
        return found

    def over(self) -> "str | None":
        """Why nothing of the pack may sound any more, else None."""
        if self._clock.lost:
            return "lease: expected the time as it was kept, found it lost; a courier brings it from the ledger"
        if not self.seconds_left():
            return "lease: expected a pack whose lease runs, found one that has ended; bring a newer one"
        if not self._left:
            return "pack: expected a stem that may be played, found all opted out or their leases ended"
        return None
