"""What an operator is told: a line when something changes, not one per message; and what is wrong at present."""

import logging
from collections.abc import Callable

from amos_mqtt.faults import Faults, form_of
from amos_mqtt.limits import FAULT_AGAIN_MS, FAULT_FORMS_MAX
from amos_sync.clock import clock_ms
from amos_sync.limits import SAYINGS_MAX, SAYINGS_REFILL_MS

logger = logging.getLogger("amos_sync")


class _Subject:
    """The last sentence that was told, one that waits because many were, and how many may follow at once."""

    def __init__(self, now_ms: int) -> None:
        self.told: str | None = None
        self.waiting: str | None = None
        self.left = SAYINGS_MAX
        self.filled_ms = now_ms

    def take(self, now_ms: int) -> bool:
        """Whether one more may be told now."""
        more = (now_ms - self.filled_ms) // SAYINGS_REFILL_MS
        self.left = min(self.left + more, SAYINGS_MAX)
        self.filled_ms += more * SAYINGS_REFILL_MS
        self.left -= self.left > 0
        return self.left > 0


class Notes:
    """`faults` is what is wrong, and lasts; all else is told and forgotten."""

    def __init__(self, say: Callable[[str], None] | None = None, clock_ms: Callable[[], int] = clock_ms):
        self.faults = Faults()
        self._say_plainly = say
        self._clock_ms = clock_ms
        self._subjects: dict[str, _Subject] = {}
        self._told: dict[str, dict[str, int]] = {}

    def tell(self, sentence: str, subject: str = "courier", is_wrong: bool = False) -> None:
        """Tell it: whoever made it sees to it that it is not told too often."""
        if self._say_plainly is not None:
            self._say_plainly(sentence)
        else:
            level = logging.WARNING if is_wrong else logging.INFO
            logger.log(level, "%s", sentence, extra={"fields": {"subject": subject}})

    def say(self, subject: str, sentence: str) -> None:
        """Tell, unless this was the last thing told about the subject; later, where it changes all the time."""
        now_ms = self._clock_ms()
        about = self._subjects.setdefault(subject, _Subject(now_ms))
        about.waiting = sentence if sentence != about.told else None
        self._tell_waiting(subject, about, now_ms)

    def often(self, subject: str, sentence: str, now_ms: int) -> None:
        """Tell what happens again and again, once an hour; of one subject only so many different sentences."""
        told = self._told.setdefault(subject, {})
        for form in [form for form, told_ms in told.items() if now_ms - told_ms >= FAULT_AGAIN_MS]:
            del told[form]
        if form_of(sentence) not in told and len(told) < FAULT_FORMS_MAX:
            told[form_of(sentence)] = now_ms
            self.tell(sentence, subject, True)

    def wrong(self, subject: str, sentence: str, now_ms: int) -> None:
        """It is so, or still so, until `well` is called."""
        self._tell_all(subject, self.faults.begin(subject, sentence, now_ms), True)

    def well(self, subject: str, sentence: str, now_ms: int) -> None:
        """Nothing is wrong with the subject, or not any more, which the sentence says."""
        if self.faults.knows(subject):
            self._tell_all(subject, self.faults.end(subject, sentence, now_ms))
        else:
            self.say(subject, sentence)

    def over(self, subject: str, sentence: str, now_ms: int) -> None:
        """What was wrong is over; told only if it was told that it began."""
        self._tell_all(subject, self.faults.end(subject, sentence, now_ms))

    def look(self, now_ms: int) -> None:
        """Tell what the time alone makes worth telling."""
        self._tell_all("courier", self.faults.look(now_ms), True)
        for subject, about in self._subjects.items():
            self._tell_waiting(subject, about, now_ms)

    def _tell_waiting(self, subject: str, about: _Subject, now_ms: int) -> None:
        if about.waiting is not None and about.take(now_ms):
            about.told, about.waiting = about.waiting, None
            self.tell(about.told, subject)

    def _tell_all(self, subject: str, sentences: list[str], is_wrong: bool = False) -> None:
        for sentence in sentences:
            self.tell(sentence, subject, is_wrong)
