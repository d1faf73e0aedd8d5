"""The references of transfers, of which no two are alike (SPEC section 16). Pure.

A transfer that names none has one that follows from what it says, so that the same order given again, as by a retry
after a broken connection, is found to be the one before.
"""

from collections.abc import Iterable

from amos.protocol.transfer import Transfer, derived_reference
from amos_ledger.settlement.money import signed_decimal


class AlreadyMade(ValueError):
    """The log has this transfer, or another with its reference. `index` is that one's leaf."""

    def __init__(self, index: int, sentence: str) -> None:
        self.index = index
        super().__init__(sentence)


class OutOfTurn(ValueError):
    """A repetition is numbered higher than the next."""


class References:
    """Of all transfers of a log, in its order."""

    def __init__(self, transfers: Iterable[tuple[int, Transfer]]) -> None:
        """(leaf index, transfer) of each."""
        self._by_reference: dict[str, tuple[int, Transfer]] = {}
        for index, moved in transfers:
            self._by_reference[moved.reference or self._next(moved)[1]] = index, moved

    def named(self, reference: str) -> str:
        """The operator's reference, of which no transfer has one yet. Raises `AlreadyMade`."""
        if reference in self._by_reference:
            index, before = self._by_reference[reference]
            raise AlreadyMade(
                index, f"reference: expected one that no transfer has, found that of {_told(index, before)}"
            )
        return reference

    def derived(self, moved: Transfer, occurrence: int) -> str:
        """The reference of a transfer that says this, the first such, the second, or a later one. Raises `AlreadyMade`
        where there is one of that number, `OutOfTurn` where one before it is missing."""
        following, reference = self._next(moved)
        if occurrence < following:
            index, before = self._by_reference[derived_reference(moved, occurrence)]
            found = _told(index, before)
            raise AlreadyMade(
                index, f"transfer: expected one not made before, found {found}; --again {following} makes another"
            )
        if occurrence > following:
            raise OutOfTurn(f"again: expected {following}, the next of those that say the same, found {occurrence}")
        return reference

    def _next(self, moved: Transfer) -> tuple[int, str]:
        """(which of those that say the same the next one is, its reference)."""
        occurrence = 1
        while (reference := derived_reference(moved, occurrence)) in self._by_reference:
            occurrence += 1
        return occurrence, reference


def _told(index: int, moved: Transfer) -> str:
    amount = f"{signed_decimal(moved.amount_micro)} {moved.currency}"
    return f"transfer {moved.number}, {amount} from {moved.debit} to {moved.credit} (entry {index})"
