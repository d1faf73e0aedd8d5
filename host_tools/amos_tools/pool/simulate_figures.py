"""How evenly incomes are spread."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amos_ledger.settlement.apportion_numpy import Integers
from amos_ledger.settlement.money import MICRO


@dataclass(frozen=True)
class Spread:
    """Of incomes in micro-units; shares are of their sum, and of at least one payee.

    gini            0 when all have the same, near 1 when one has all
    below_one_unit  the share of payees who get less than one unit of currency
    """

    gini: float
    median_micro: int
    bottom_half: float
    bottom_tenth: float
    top_hundredth: float
    below_one_unit: float


def spread(amounts: Integers) -> Spread:
    """The figures of at least one income, none below 0."""
    ordered = np.sort(amounts)
    count, total = len(ordered), int(ordered.sum())

    def share(chosen: Integers) -> float:
        return int(chosen.sum()) / total if total else 0.0

    return Spread(
        gini(ordered),
        (int(ordered[(count - 1) // 2]) + int(ordered[count // 2])) // 2,
        share(ordered[: max(1, count // 2)]),
        share(ordered[: max(1, count // 10)]),
        share(ordered[-max(1, count // 100) :]),
        int((ordered < MICRO).sum()) / count,
    )


def gini(amounts: Integers) -> float:
    """The mean difference between two incomes, in twice the mean income; 0 when there is none."""
    ordered: list[int] = np.sort(amounts).tolist()
    count, total = len(ordered), sum(ordered)
    if not total:
        return 0.0
    # Python's integers: the sum of ranks times incomes is exact, and so is its difference.
    return (2 * sum(rank * amount for rank, amount in enumerate(ordered, 1)) - (count + 1) * total) / (count * total)


def lorenz(amounts: Integers) -> npt.NDArray[np.float64]:
    """The share of the sum that the poorest 0, 1, 2, ... payees have together."""
    summed = np.concatenate([[0], np.sort(amounts).cumsum()])
    shares: npt.NDArray[np.float64] = summed / max(1, summed[-1])
    return shares
