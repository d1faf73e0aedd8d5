"""What was read of devices, remembered from one transaction to the next while nobody else writes to the database."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

REMEMBERED_MAX = 1 << 16
"""Facts, nine for each device that is heard and 7 KB together where its segments have a hundred rows: those of 7,000
players. Beyond, all are forgotten, and asked for again as they are needed."""

Found = TypeVar("Found")


class Memory:
    """Facts by their names. It is in use while a transaction is open; the database says when it is to be forgotten."""

    def __init__(self) -> None:
        self._facts: dict[Hashable, Any] = {}
        self._in_use = False

    def __len__(self) -> int:
        return len(self._facts)

    def begin(self, still_true: bool) -> None:
        """A transaction begins; what was remembered before it is `still_true`, or not."""
        if not still_true or len(self._facts) > REMEMBERED_MAX:
            self._facts.clear()
        self._in_use = True

    def end(self, committed: bool) -> None:
        """The transaction has ended; unless it `committed`, nothing of it happened."""
        if not committed:
            self._facts.clear()
        self._in_use = False

    def forget(self) -> None:
        """Forget everything."""
        self._facts.clear()

    def forget_one(self, name: Hashable) -> None:
        """Forget what is remembered under this name."""
        self._facts.pop(name, None)

    def found(self, name: Hashable, find: Callable[[], Found]) -> Found:
        """What `find` finds, or what was noted or found under this name before.

        `find` reads with `Database.first`: what waits cannot change it, since whoever let that wait noted what it
        changes.
        """
        if not self._in_use:
            return find()
        try:
            return self._facts[name]  # type: ignore[no-any-return]
        except KeyError:
            fact = self._facts[name] = find()
            return fact

    def note(self, name: Hashable, fact: object) -> None:
        """Remember `fact` under this name."""
        if self._in_use:
            self._facts[name] = fact

    def known(self, name: Hashable) -> Any:
        """What is remembered under this name, None when nothing is."""
        return self._facts.get(name) if self._in_use else None

    def knows(self, name: Hashable) -> bool:
        """Whether anything is remembered under this name, be it that there is nothing."""
        return name in self._facts
