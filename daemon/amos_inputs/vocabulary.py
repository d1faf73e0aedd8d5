"""What the names in an input mean: sliders and announcements of the score that is played."""

from collections.abc import Sequence
from typing import Protocol

from amos.score.inputs import InputQueue
from amos.score.score import Score


class Bounded(Protocol):
    """A slider: its name, and its values at both ends."""

    @property
    def name(self) -> str:
        """As people write it."""

    @property
    def lo_q15(self) -> int:
        """Its value at position 0."""

    @property
    def hi_q15(self) -> int:
        """Its value at position 32768."""


class Vocabulary(Protocol):
    """Whoever knows the score: all in its order, so that a place is a number."""

    def sliders(self) -> Sequence[Bounded]:
        """The sliders."""

    def announcements(self) -> Sequence[str]:
        """Names of the announcements."""

    def check(self, kind: int, value: int) -> None:
        """Raises `InputRefused` for an input that the player would not take."""


class ScoreVocabulary:
    """The names of a score at hand."""

    def __init__(self, score: Score) -> None:
        self._score = score

    def sliders(self) -> Sequence[Bounded]:
        """The sliders."""
        return self._score.sliders

    def announcements(self) -> Sequence[str]:
        """Names of the announcements."""
        return [item.name for item in self._score.announcements or ()]

    def check(self, kind: int, value: int) -> None:
        """Raises `InputRefused` as the VM would."""
        InputQueue(self._score).put(kind, value, 0)
