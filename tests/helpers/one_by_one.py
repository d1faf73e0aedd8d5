"""Settlement without its fast way: each segment is judged by itself, where a test plants what a ledger might do."""

from typing import Any

from amos_ledger.settlement.plain_play import PlainPlay


def judged_one_by_one(patch: Any) -> None:
    """As long as the patch lasts."""
    patch.setattr(PlainPlay, "take", lambda _self, segments: list(segments))
