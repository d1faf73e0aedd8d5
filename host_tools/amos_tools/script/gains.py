"""Gains above 0 dB: a player knows none, so the loudest becomes 0 dB and the others are as much softer.

The pack builder brings all stems to where the whole meets its target, and so by as much more. What the peaks of a stem
do not allow, it names.
"""

from amos.score.parts import Layer
from amos.score.rules import Announcement
from amos_tools.script.units import Q15


def bring_below_unity(layers: list[Layer], spoken: list[Announcement]) -> None:
    """Scale the gains of a whole script, in place, so that none is above unity."""
    rows: list[Layer | Announcement] = [*layers, *spoken]
    loudest = max((row.gain_q15 for row in rows), default=Q15)
    if loudest <= Q15:
        return
    for row in rows:
        row.gain_q15 = (2 * row.gain_q15 * Q15 + loudest) // (2 * loudest)
