"""What an operator is told: one line when something changes, not one per message."""

import logging
from collections.abc import Callable

logger = logging.getLogger("amos_sync")

REPEAT_MS = 60_000
"""A sentence about the same subject that keeps changing is told at most once a minute."""


class Notes:
    """Says a sentence about a subject when it differs from the last one; `often` also limits how often."""

    def __init__(self, say: Callable[[str], None] = logger.info):
        self._say = say
        self._last: dict[str, str] = {}
        self._told: dict[str, tuple[int, int]] = {}

    def tell(self, sentence: str) -> None:
        """Tell it: whoever made it sees to it that it is not told too often."""
        self._say(sentence)

    def say(self, subject: str, sentence: str) -> None:
        """Tell, unless this was the last thing told about the subject."""
        if self._last.get(subject) != sentence:
            self._last[subject] = sentence
            self._say(sentence)

    def often(self, subject: str, sentence: str, now_ms: int) -> None:
        """Tell at most once in `REPEAT_MS`, and how many were left out."""
        told_ms, left_out = self._told.get(subject, (-REPEAT_MS, 0))
        if now_ms - told_ms < REPEAT_MS:
            self._told[subject] = (told_ms, left_out + 1)
            return
        self._told[subject] = (now_ms, 0)
        self._say(sentence + (f" ({left_out} more of this kind since the last time)" if left_out else ""))

    def forget(self, subject: str) -> None:
        """The next sentence about this subject is told again, even if it is the same."""
        self._last.pop(subject, None)
