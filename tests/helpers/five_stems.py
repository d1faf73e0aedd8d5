"""Play of two devices and five stems, at two rates: splits that change, frozen late and unpaid play."""

from plain_period import Part

ANNS, BOBS = b"\x0a" * 16, b"\x0b" * 16
STEMS = [bytes([number]) * 16 for number in range(1, 6)]
T = 1_793_900_000


def part(
    frames: int, rate: int = 44_100, rights: int = 1, standing: int = 0, accrual: int = 0, at: int | None = T
) -> Part:
    """Play of one kind, dated from `at` on."""
    return (rights, standing, accrual, 0, rate, frames, 1, at, None if at is None else at + frames // rate)


CELLS = {
    (ANNS, STEMS[0]): [part(44_100), part(7, standing=1, at=None, accrual=2)],
    (BOBS, STEMS[0]): [part(48_000, 48_000)],
    (ANNS, STEMS[1]): [part(10_001), part(10_001, rights=2)],
    (BOBS, STEMS[2]): [part(99, 48_000, standing=5)],
    (BOBS, STEMS[3]): [part(4_711, 48_000, accrual=1)],
    (ANNS, STEMS[4]): [part(1_000), part(3, standing=2)],
}
SPLITS = {
    (STEMS[0], 1): [("ann", 1_000_000)],
    (STEMS[1], 1): [("ann", 333_333), ("bob", 666_667)],
    (STEMS[1], 2): [("bob", 1_000_000)],
    (STEMS[2], 1): [("bob", 500_000), ("cy-dee", 500_000)],
    (STEMS[3], 1): [("cy-dee", 999_999), ("ann", 1)],
    (STEMS[4], 1): [("ann", 600_000), ("bob", 400_000)],
}
