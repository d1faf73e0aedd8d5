"""Instants that people type: a day, or a day and a time, as ISO 8601 writes them."""

import re
from datetime import UTC, datetime

from amos_cli.output import UsageError

FORMS = "2026-12-01, 2026-12-01T03:00, 2026-12-01T03:00:00, the last two also with Z or +01:00 behind"
"""Without an offset from UTC it is UTC; a day begins at 00:00 UTC; a space may stand for the T."""

_FORM = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


def unix_s_of(text: str, option: str) -> int:
    """Unix seconds, from 0. Raises `UsageError`, which names the option and the forms."""
    found = _instant(text)
    if found is None:
        raise UsageError(f"{option}: expected a time like {FORMS}, found {text[:40]!r}")
    unix_s = int(found.timestamp())
    if unix_s < 0:
        raise UsageError(f"{option}: expected 1970 or later, found {text[:40]!r}")
    return unix_s


def _instant(text: str) -> datetime | None:
    if not _FORM.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
