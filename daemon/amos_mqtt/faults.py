"""What is wrong at present, and what of it an operator is told: when it begins, when it changes, once an hour while it
lasts, and when it is over. Pure: time is passed in, and each method gives the sentences to tell, mostly none.

A fault that came back `RETURNS_MAX` times soon after it was over counts as one that comes and goes, and is over only
when it has stayed away for `STAYS_AWAY_MS`. So two clients that take each other's place every second are told in a few
lines, not in two a second.
"""

import re
from dataclasses import dataclass, field

from amos_mqtt.limits import FAULT_AGAIN_MS, FAULT_FORMS_MAX, RETURN_AGAIN_MS, RETURNS_MAX, STAYS_AWAY_MS


@dataclass
class Fault:
    """`sentence` is the last one about `subject`; `since_ms` is when it began.

    told     form of each sentence that was told, and when; those of one form differ in numbers only
    is_told  whether the last that was told of it is that it is so
    """

    subject: str
    sentence: str
    since_ms: int
    told: dict[str, int] = field(default_factory=dict)
    told_ms: int = 0
    over_ms: int | None = None
    over: str = ""
    is_told: bool = False
    returns: int = 0

    @property
    def comes_and_goes(self) -> bool:
        return self.returns >= RETURNS_MAX


class Faults:
    """One fault for each subject."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}

    def begin(self, subject: str, sentence: str, now_ms: int, will_return: bool = False) -> list[str]:
        """It is so, or still so; `will_return`: of a kind that comes and goes by its nature."""
        fault = self._faults.get(subject)
        if fault is None:
            fault = self._faults[subject] = Fault(subject, sentence, now_ms)
            fault.returns = RETURNS_MAX if will_return else 0
        fault.sentence = sentence
        if fault.over_ms is not None:
            fault.over_ms = None
            fault.returns = RETURNS_MAX if will_return else fault.returns + 1
        return _due(fault, now_ms)

    def end(self, subject: str, sentence: str, now_ms: int) -> list[str]:
        """It is over, as far as can be seen; `sentence` says so."""
        fault = self._faults.get(subject)
        if fault is None or fault.over_ms is not None:
            return []
        fault.over_ms, fault.over = now_ms, sentence
        if fault.comes_and_goes or not fault.is_told:
            return []
        fault.is_told = False
        return [sentence]

    def look(self, now_ms: int) -> list[str]:
        """What the time alone makes worth telling."""
        sentences = []
        for fault in list(self._faults.values()):
            if fault.over_ms is None:
                sentences += _due(fault, now_ms)
            elif now_ms - fault.over_ms >= STAYS_AWAY_MS:
                del self._faults[fault.subject]
                sentences += [fault.over] if fault.is_told else []
        return sentences

    def knows(self, subject: str) -> bool:
        """Whether it is so, or was a moment ago."""
        return subject in self._faults

    def lasts(self, subject: str) -> bool:
        """Whether it is so at present."""
        fault = self._faults.get(subject)
        return fault is not None and fault.over_ms is None

    def present(self) -> list[Fault]:
        """What is wrong, or comes and goes, the oldest first."""
        found = [fault for fault in self._faults.values() if fault.over_ms is None or fault.comes_and_goes]
        return sorted(found, key=lambda fault: (fault.since_ms, fault.subject))


def _due(fault: Fault, now_ms: int) -> list[str]:
    """The sentence, where it is time to tell it."""
    told_ms = fault.told.get(form_of(fault.sentence))
    if told_ms is None:
        recent = sum(now_ms - moment < FAULT_AGAIN_MS for moment in fault.told.values())
        return _tell(fault, now_ms, "") if recent < FAULT_FORMS_MAX else []
    if not fault.is_told:
        aside = " (it comes and goes; this is told once an hour)" if fault.comes_and_goes else ""
        return _tell(fault, now_ms, aside) if now_ms - told_ms >= RETURN_AGAIN_MS else []
    if now_ms - fault.told_ms >= FAULT_AGAIN_MS:
        return _tell(fault, now_ms, f" (for {max((now_ms - fault.since_ms) // 3_600_000, 1)} h)")
    return []


def _tell(fault: Fault, now_ms: int, aside: str) -> list[str]:
    if len(fault.told) >= 4 * FAULT_FORMS_MAX:  # garbage that is quoted has any form
        fault.told.pop(next(iter(fault.told)))
    form = form_of(fault.sentence)
    fault.told.pop(form, None)
    fault.told[form] = fault.told_ms = now_ms
    fault.is_told = True
    return [fault.sentence + aside]


def form_of(sentence: str) -> str:
    """The sentence without its numbers: a count that grows is no change."""
    return re.sub(r"\d+", "0", sentence)
