"""Names by which people mean what a pack has, as the player tells them (protocol/SPEC.md section 7)."""

from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import U32, Record

SLIDERS = 1
ANNOUNCEMENTS = 2
"""Kinds of names. The order in a kind is the score's, so the place of a name is its number in an input."""


class Name(Record):
    """One of them; a slider has the bounds between which its position moves."""

    NAME = "name"
    FIELDS = (
        (1, "name", "text", SMALL_TEXT_BYTES_MAX),
        (2, "lo_q15", "int?", U32 // 2),
        (3, "hi_q15", "int?", U32 // 2),
    )

    name: str
    lo_q15: "int | None"
    hi_q15: "int | None"

    def fault(self) -> "str | None":
        if self.lo_q15 is None and self.hi_q15 is None:
            return None
        good = self.lo_q15 is not None and self.hi_q15 is not None and self.lo_q15 < self.hi_q15
        return None if good else "lo: expected less than hi, or neither"
