"""The names that a running player tells: its sliders and announcements."""

from collections.abc import Sequence
from typing import NamedTuple

from amos.protocol.link_name import ANNOUNCEMENTS, SLIDERS
from amos.score.inputs import InputRefused
from amos_inputs.vocabulary import Bounded
from amos_tools.device.call import DeviceError, ask_names

VALUE_MAX = (1 << 31) - 1
"""What an input over the link can carry; whether the score has such a stem is for the player to say."""


class ToldSlider(NamedTuple):
    """A slider with its bounds."""

    name: str
    lo_q15: int
    hi_q15: int


class PlayerVocabulary:
    """The names of what the player at `address` plays, asked for when they are needed. Raises `DeviceError`."""

    def __init__(self, address: str) -> None:
        self._address = address

    def sliders(self) -> Sequence[Bounded]:
        """The sliders."""
        found: list[Bounded] = []
        for told in ask_names(self._address, SLIDERS):
            if told.lo_q15 is None or told.hi_q15 is None:
                raise DeviceError(f"{self._address}: names: expected bounds of each slider, found none")
            found.append(ToldSlider(told.name, told.lo_q15, told.hi_q15))
        return found

    def announcements(self) -> Sequence[str]:
        """Names of the announcements."""
        return [told.name for told in ask_names(self._address, ANNOUNCEMENTS)]

    def check(self, kind: int, value: int) -> None:
        """Raises `InputRefused` for a value that no input can carry."""
        if not 0 <= value <= VALUE_MAX:
            raise InputRefused(f"value: expected 0 to {VALUE_MAX}, found {value}")
