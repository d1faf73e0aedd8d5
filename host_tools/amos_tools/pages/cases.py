"""What payees write to the operator, and what is answered: each case has a number, by which people speak of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amos_tools.pages.limits import (
    CASE_LETTERS_MAX,
    CASES_FILE_BYTES_MAX,
    CASES_MAX,
    CASES_WAITING_MAX,
)
from amos_web.errors import TokenError
from amos_web.kept_rows import KeptRows

CASES_NAME = "web-cases.json"


@dataclass(frozen=True)
class Case:
    """`name` wrote `text` for `payee`; `answer` is None while it waits."""

    number: int
    payee: str
    name: str
    text: str
    written_unix_s: int
    answer: str | None = None
    answered_by: str | None = None
    answered_unix_s: int | None = None


class Cases:
    """Those of a ledger's folder. Every method raises `TokenError` where the file cannot be read or written."""

    def __init__(self, folder: Path, wall_s: Callable[[], float] = time.time) -> None:
        self._rows = KeptRows(folder / CASES_NAME, "cases", CASES_FILE_BYTES_MAX, _case)
        self._wall_s = wall_s

    def write(self, payee: str, name: str, text: str) -> Case:
        """Begin a case. Raises `TokenError` also for a text that is none, and while many of this payee wait."""
        text = _checked("text", text)
        with self._rows.changing() as cases:
            waiting = sum(case.payee == payee and case.answer is None for case in cases)
            if waiting >= CASES_WAITING_MAX:
                raise TokenError(f"cases: expected at most {CASES_WAITING_MAX} that wait; they are answered first")
            number = max((case.number for case in cases), default=0) + 1
            made = Case(number, payee, name, text, int(self._wall_s()))
            self._rows.write([*_with_room(cases), made])
        return made

    def answer(self, number: int, by: str, text: str) -> Case:
        """Answer a case, also in place of an answer. Raises `TokenError` also for no such case."""
        text = _checked("answer", text)
        with self._rows.changing() as cases:
            for at, case in enumerate(cases):
                if case.number == number:
                    cases[at] = replace(case, answer=text, answered_by=by, answered_unix_s=int(self._wall_s()))
                    self._rows.write(cases)
                    return cases[at]
        raise TokenError(f"case: expected the number of one, found {number}")

    def of(self, payee: str) -> list[Case]:
        """The payee's, the latest first."""
        return [case for case in reversed(self._rows.all()) if case.payee == payee]

    def all(self) -> list[Case]:
        """All: first those that wait, the oldest first, then the others, the latest first."""
        cases = self._rows.all()
        answered = [case for case in reversed(cases) if case.answer is not None]
        return [case for case in cases if case.answer is None] + answered


def _with_room(cases: list[Case]) -> list[Case]:
    """Without the oldest answered one, where there are as many as may be."""
    if len(cases) < CASES_MAX:
        return cases
    gone = next((case for case in cases if case.answer is not None), None)
    if gone is None:
        raise TokenError(f"cases: expected at most {CASES_MAX} that wait; the operator answers some first")
    return [case for case in cases if case is not gone]


def _checked(name: str, text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not 1 <= len(text) <= CASE_LETTERS_MAX or not text.replace("\n", "").isprintable():
        raise TokenError(f"{name}: expected 1 to {CASE_LETTERS_MAX} letters, found {len(text)}")
    return text


def _case(row: Any) -> Case:
    answered_s = row["answered_unix_s"]
    return Case(
        number=int(row["number"]),
        payee=str(row["payee"]),
        name=str(row["name"]),
        text=str(row["text"]),
        written_unix_s=int(row["written_unix_s"]),
        answer=None if row["answer"] is None else str(row["answer"]),
        answered_by=None if row["answered_by"] is None else str(row["answered_by"]),
        answered_unix_s=None if answered_s is None else int(answered_s),
    )
