"""Whether the segments of a session are one piece of play: all there, of one pack, each going on where one ended."""

from collections.abc import Sequence
from itertools import pairwise

from amos.protocol.segment import Usage
from amos_tools.replay.piece import Piece
from amos_tools.replay.unlike import PACK, SESSION, SKIPPED, Unlike

FACTS = ("pack", "score", "rate_hz", "start_state", "seed_root")
"""What is said of a session in each of its segments."""


def first_break(session: Sequence[Usage], piece: Piece, follows: bool) -> tuple[int, Unlike | None]:
    """(how many segments can be replayed, what is false about the one after them). None with fewer than all of them:
    the one before it is missing. `follows`: no segment is missing before the session."""
    first = session[0]
    for field, expected, found in (
        ("score", piece.score_sha256, first.score),
        ("rate_hz", piece.rate_hz, first.rate_hz),
    ):
        if expected != found:
            return 0, Unlike(field, None, first.first_frame, _shown(expected), _shown(found), PACK)
    if first.first_frame:
        skipped = Unlike("first_frame", None, first.first_frame, "0", str(first.first_frame), SKIPPED)
        return 0, skipped if follows else None
    for number, (before, usage) in enumerate(pairwise(session), 1):
        for field in FACTS:
            expected, found = getattr(before, field), getattr(usage, field)
            if expected != found:
                return number, Unlike(field, None, usage.first_frame, _shown(expected), _shown(found), SESSION)
        if before.end_frame != usage.first_frame:
            missing = usage.sequence != before.sequence + 1 or usage.lost_first is not None
            told = str(before.end_frame), str(usage.first_frame)
            return number, None if missing else Unlike("first_frame", None, usage.first_frame, *told, SKIPPED)
    return len(session), None


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
