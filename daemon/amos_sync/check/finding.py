"""What was looked at and how it is. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One part of a venue, and what was found there.

    part      what was looked at: `broker`, `clock`, `player unix:/run/...`
    fine      whether it is as it should be
    sentence  what was found
    advice    what to do, where it is not fine
    setting   the setting that the advice is about, where it is about one
    """

    part: str
    fine: bool
    sentence: str
    advice: str | None = None
    setting: str | None = None


def fine(part: str, sentence: str) -> Finding:
    """As it should be."""
    return Finding(part, True, sentence)


def wrong(part: str, sentence: str, advice: str, setting: str | None = None) -> Finding:
    """Not as it should be."""
    return Finding(part, False, sentence, advice, setting)
