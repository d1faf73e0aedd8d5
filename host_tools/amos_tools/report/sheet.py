"""Texts of cells in reports."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta


def listed(texts: Iterable[str]) -> str:
    """Several texts as one, parted by |; a | or a \\ in a text has a \\ before it."""
    return "|".join(text.replace("\\", "\\\\").replace("|", "\\|") for text in texts)


def utc_text(unix_ms: int | None) -> str:
    """RFC 3339 with milliseconds; empty for a moment that is not known."""
    if unix_ms is None:
        return ""
    moment = datetime.fromtimestamp(unix_ms // 1000, UTC) + timedelta(milliseconds=unix_ms % 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def yes_or_no(value: bool) -> str:
    """As DDEX writes flags."""
    return "true" if value else "false"
