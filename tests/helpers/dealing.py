"""In which order tests run, so that all workers end at the same time."""

from collections.abc import Callable, Hashable
from itertools import groupby
from typing import TypeVar

Test = TypeVar("Test")


def dealt(
    tests: list[Test], workers: int, is_long: Callable[[Test], bool], file_of: Callable[[Test], Hashable]
) -> list[Test]:
    """The tests in another order: each of so many workers begins with its share of the long ones.

    `--dist worksteal` gives each worker a piece of the list, all of one size, and a worker that has done its piece
    takes from the end of another's. Long tests of one file stay together: what they share is made by each worker.
    """
    hands: list[list[Test]] = [[] for _ in range(workers)]
    for _file, group in groupby(filter(is_long, tests), key=file_of):
        min(hands, key=len).extend(group)
    short = [test for test in tests if not is_long(test)]
    left, order = len(tests), list[Test]()
    for at, hand in enumerate(hands):
        size = left // (workers - at)
        count = max(0, size - len(hand))
        order += hand + short[:count]
        short, left = short[count:], left - size
    return order + short
