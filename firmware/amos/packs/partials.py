"""The blobs that have come in part: few of them, and not many bytes, whoever sends what.

They are counted where they lie, so that a restart forgets none. Those that no accepted manifest lists go first, and of
these the one longest untouched.
"""

from amos.compat import const

_PARTIALS_MAX = const(4)
"""A courier sends one blob after the other; there may be a few couriers."""

_PARTIAL_BYTES_MAX = const(64 << 20)
"""Of all but the one that comes: about as much as a large stem."""

_REMOVALS_MAX = const(8)
"""Files removed for one request, which a card may take milliseconds for."""


class Partials:
    """`folder` as in `blob_folder`. Raises OSError, like the folder."""

    def __init__(self, folder):
        self._folder = folder
        self._touched: list = []  # names of this life, the latest last: a board without a clock dates all files alike

    def make_room(self, name: str, listed, free_bytes_needed: int) -> bool:
        """Before the blob `name` comes: remove others beyond the bounds, or as long as less is free than it needs.
        `listed(name)` says whether an accepted manifest lists one. Whether all is done; if not, ask again."""
        others = self._in_order(name, listed)
        for _removal in range(_REMOVALS_MAX):
            if not self._too_much(others, free_bytes_needed):
                break
            self._folder.remove("incoming/" + others.pop(0)[0])
        if self._too_much(others, free_bytes_needed):
            return False
        left = [other for other, _size in others]
        self._touched = [one for one in self._touched if one in left] + [name]
        return True

    def _too_much(self, others: list, free_bytes_needed: int) -> bool:
        if not others:
            return False
        if len(others) >= _PARTIALS_MAX or sum([size for _name, size in others]) > _PARTIAL_BYTES_MAX:
            return True
        return self._folder.free_bytes() < free_bytes_needed

    def _in_order(self, name: str, listed) -> list:
        """(name, size) of the other blobs, that which goes first at the head."""
        ranked = []
        for age_rank, (other, size) in enumerate(self._folder.incoming()):
            if other != name:
                life = self._touched.index(other) if other in self._touched else -1
                ranked.append((listed(other), life, age_rank, other, size))
        return [one[3:] for one in sorted(ranked)]
