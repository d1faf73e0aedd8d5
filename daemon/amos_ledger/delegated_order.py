"""Since when a delegated key's list may be dated, by the lists and batch entries before it (SPEC section 14). Pure."""

from bisect import bisect_left

from amos.protocol.delegated import DelegatedOptOuts

BACK_S_MAX = 86_400
"""Nobody dates a withdrawal back by more, against the times at which the ledger received play."""


def earliest_issue_s(last: DelegatedOptOuts | None, delegation_serial: int, newest_batch_s: int) -> int:
    """The first second of which a list under this delegation may be, behind the list `last`. `newest_batch_s` is the
    latest minute of the batch entries before it, from the delegation's `batches_from` on; 0 without one. Under another
    delegation it may be before `last`, so that a list by a clock that ran ahead binds nobody for ever."""
    bound_s = max(0, newest_batch_s - BACK_S_MAX)
    if last is None or last.delegation_serial != delegation_serial:
        return bound_s
    return max(last.issued_unix_s, bound_s)


class NewestBatches:
    """The latest minute that batch entries from any place in the log on name. Held are those that no later entry
    reaches: one, while the times rise."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._times: list[int] = []

    def take(self, index: int, unix_s: int) -> None:
        """The next batch entry, in the order of the log."""
        while self._times and self._times[-1] <= unix_s:
            self._places.pop()
            self._times.pop()
        self._places.append(index)
        self._times.append(unix_s)

    def newest_s(self, first: int) -> int:
        """Of the entries from that leaf on, in Unix seconds; 0 without one."""
        place = bisect_left(self._places, first)
        return self._times[place] if place < len(self._times) else 0
