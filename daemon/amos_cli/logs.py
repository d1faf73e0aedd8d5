"""What daemons log: for people with the time before it, for the journal with its priority and fields.

The journal (systemd) notes the time itself and reads a priority from the beginning of a line, `<4>` for a warning. One
event is one line there; what it is about follows the sentence as `subject=...`, to search for.
"""

import logging
import os
import sys
from collections.abc import Mapping

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))
"""Lowest level -> syslog's number."""


class JournalFormatter(logging.Formatter):
    """`<6>courier: sentence subject="..."`."""

    def __init__(self, program: str) -> None:
        super().__init__("%(message)s")
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        priority = next(number for lowest, number in _PRIORITIES if record.levelno >= lowest)
        fields: Mapping[str, str] = getattr(record, "fields", {})
        told = "".join(f" {name}={_field(value)}" for name, value in fields.items())
        return f"<{priority}>{self._program}: {' '.join(super().format(record).split())}{told}"


def set_up_logging(program: str) -> None:
    """Log to standard error, in the form for whoever reads it."""
    handler = logging.StreamHandler(sys.stderr)
    to_people = logging.Formatter(f"%(asctime)s {program}: %(message)s")
    handler.setFormatter(JournalFormatter(program) if _is_journal(os.environ) else to_people)
    logging.basicConfig(handlers=[handler], level=logging.INFO)


def _is_journal(environment: Mapping[str, str]) -> bool:
    """Whether standard error is the journal's (man 5 systemd.exec, JOURNAL_STREAM)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _field(value: str) -> str:
    text = "".join(letter for letter in str(value) if letter.isprintable())
    return text if text and not set(text) & set(' "=\\') else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
