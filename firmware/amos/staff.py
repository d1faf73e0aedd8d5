"""What anybody may do who is at a player's link: the settings `staff`, `staff_volume_min` and `staff_volume_max`."""

from amos.protocol.errors import ProtocolError
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_DISLIKE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SHUFFLE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
)
from amos.sound.limiter import UNITY_Q15

ACTS = ("skip", "like", "dislike", "shuffle", "announce", "pause", "volume", "sliders", "tier")
"""Inputs by their kind, and changes of the tier."""

_ACTS = {
    INPUT_SKIP: "skip",
    INPUT_LIKE: "like",
    INPUT_DISLIKE: "dislike",
    INPUT_SHUFFLE: "shuffle",
    INPUT_ANNOUNCE: "announce",
    INPUT_PAUSE: "pause",
    INPUT_VOLUME: "volume",
}


class StaffRefused(ProtocolError):
    """Something that the settings of this player do not let anybody at its link do."""


def acts_fault(acts: str) -> "str | None":
    """What was expected of the setting `staff`, or None when it is right."""
    good = acts in ("all", "none") or all([act in ACTS for act in acts.split(",")])
    return None if good else "all, none or some of " + ",".join(ACTS)


class Staff:
    """`acts` is the setting `staff`; the volume lies between `volume_min` and `volume_max` percent."""

    def __init__(self, acts: str, volume_min: int, volume_max: int):
        self._acts = ACTS if acts == "all" else () if acts == "none" else tuple(acts.split(","))
        self._volume_min, self._volume_max = volume_min, volume_max

    def check_input(self, kind: int, value: int) -> None:
        """Raise `StaffRefused` unless they may give this input; one of no known kind is the session's to refuse."""
        if kind in _ACTS:
            self._check(_ACTS[kind])
        elif kind >= INPUT_SLIDER:
            self._check("sliders")
        if kind != INPUT_VOLUME:
            return
        if not self._volume_min * UNITY_Q15 <= value * 100 <= self._volume_max * UNITY_Q15:
            told = (self._volume_min, self._volume_max, value * 100 // UNITY_Q15)
            raise StaffRefused("staff: expected a volume of %d to %d %%, found %d %%" % told)

    def told(self) -> "tuple[int, int, int]":
        """(a bit for each of `ACTS` that they may do, the least and the most volume in percent)."""
        bits = sum([1 << ACTS.index(act) for act in set(self._acts)])
        return bits, self._volume_min, self._volume_max

    def check_tier(self) -> None:
        """Raise `StaffRefused` unless they may set the tier."""
        self._check("tier")

    def _check(self, act: str) -> None:
        if act not in self._acts:
            told = (",".join(self._acts) or "nothing", act)
            raise StaffRefused("staff: expected %s, which the setting staff allows, found %s" % told)


def open_staff(config) -> Staff:
    """As the player's settings say."""
    return Staff(config.staff, config.staff_volume_min, config.staff_volume_max)
