"""What sounds at a player, and what whoever is at its link may do there (protocol/SPEC.md section 7)."""

from array import array

from amos.protocol.limits import SMALL_TEXT_BYTES_MAX
from amos.protocol.record import Record

STEMS_TOLD_MAX = 32
"""As many as there are voices; more sound only while some fade."""

ACTS_ALL = 511
"""A bit for each of `amos.staff.ACTS`, the first the lowest."""


class Sounding(Record):
    """The section's name; stems by their place in the pack, the operator's gain, and the sliders' values in Q15 in the
    score's order. `acts` and the bounds of the volume in percent are absent where nothing is forbidden."""

    NAME = "sounding"
    FIELDS = (
        (1, "section", "text", SMALL_TEXT_BYTES_MAX),
        (2, "stems", "H", STEMS_TOLD_MAX),
        (3, "volume_q15", "uint", 32768),
        (4, "sliders", "i", 32),
        (5, "acts", "uint?", ACTS_ALL),
        (6, "volume_min", "uint?", 100),
        (7, "volume_max", "uint?", 100),
    )

    section: str
    stems: "array[int]"
    volume_q15: int
    sliders: "array[int]"
    acts: "int | None"
    volume_min: "int | None"
    volume_max: "int | None"


def sounding_of(section: str, stems, volume_q15: int, sliders) -> Sounding:
    """That of a player that forbids nothing."""
    told = array("H", stems[:STEMS_TOLD_MAX])
    return Sounding(section=section, stems=told, volume_q15=volume_q15, sliders=array("i", sliders))
