"""Where a signed segment is not what its score decides: the first such place, and what it may mean."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from amos.protocol.segment import FLAG_END, FLAG_OPT_OUT
from amos.score.inputs import INPUT_BLOCK, INPUT_BLOCK_MANY
from amos_tools.replay.rows import AHEAD_FRAMES_MAX, Replayed, Row

PCM_UNKNOWN = bytes(32)
"""Of a segment that a cut of power ended: no player knows the hash of what it had delivered."""

_FLAGS = ("begins", "continues", "ends", "aborted", "power lost", "opted out")

ROW_ADDED = "a row that the score does not ask for: play that was made up, or an input that the log keeps back"
ROW_LEFT_OUT = "a row is left out: play kept back, or a stem that this player could not read"
FRAMES = "play made longer or shorter than it was, or an input at another moment than the log has it"
STEM = "one stem in another's place: the log pays another than was heard"
START = "play at another moment than the score decides, or an input that the log has otherwise"
FLAGS = "the same play, otherwise begun or ended than the log says"
SILENT = "silence that was counted otherwise, as by a player that does not play what it signs"
INPUT = "an input that no player takes: the log was not written by one"
PCM = "the rows agree and the samples do not: other sound under the same names, or a hash of nothing that was played"
START_STATE = (
    "a session that begins from what no session before it can have left: weights or no-repeat memory were chosen"
)
SESSION = "another session than before under the same number: what was heard is not what is paid"
SKIPPED = "frames that no segment accounts for, although none is missing"
PACK = "rate or score are not those of the pack that the segment names"


@dataclass(frozen=True)
class Unlike:
    """`row`: its number among the segment's signed rows, None where the difference is in none of them. `at_frame`: of
    the session."""

    field: str
    row: int | None
    at_frame: int
    expected: str
    found: str
    meaning: str


def first_unlike(replayed: Replayed, later_inputs: Sequence[tuple[int, int, int]] | None) -> Unlike | None:
    """The first difference, or None. `later_inputs`: those of the segment after, None where there is none."""
    usage = replayed.usage
    if replayed.refused is not None:
        return Unlike("input", None, usage.first_frame, "one that a player takes", replayed.refused, INPUT)
    difference = _rows(replayed, later_inputs)
    if difference is not None:
        return difference
    if replayed.silent_frames != usage.silent_frames:
        told = f"{replayed.silent_frames} frames", f"{usage.silent_frames} frames"
        return Unlike("silent_frames", None, usage.first_frame, *told, SILENT)
    if replayed.pcm_sha256 is not None and usage.pcm_sha256 not in (PCM_UNKNOWN, replayed.pcm_sha256):
        told = replayed.pcm_sha256.hex(), usage.pcm_sha256.hex()
        return Unlike("pcm_sha256", None, usage.first_frame, *told, PCM)
    return None


def said(row: Row | None) -> str:
    """A row in words."""
    if row is None:
        return "no row"
    stem, start, frames, flags = row
    words = "; ".join(word for bit, word in enumerate(_FLAGS) if flags >> bit & 1)
    return f"stem {stem} from frame {start} for {frames} frames ({words or 'no flags'})"


def _rows(replayed: Replayed, later_inputs: Sequence[tuple[int, int, int]] | None) -> Unlike | None:
    signed = replayed.usage.rows()
    ends = replayed.usage.end_frame
    missing = Counter(_told_ahead(row, signed, ends, later_inputs) for row in replayed.rows)
    extra: list[tuple[int, Row]] = []
    for number, row in enumerate(signed):
        if missing[row]:
            missing[row] -= 1
        else:
            extra.append((number, row))
    absent = sorted(missing.elements(), key=lambda row: (row[1], row[0]))
    if not absent and not extra:
        return None
    return _first(absent, extra)


def _told_ahead(row: Row, signed: list[Row], ends: int, later_inputs: Sequence[tuple[int, int, int]] | None) -> Row:
    """A player hears of an opt-out while it renders, and flags what then still waits to sound: the flag may stand in
    the segment before the input that it follows from."""
    flagged = (*row[:3], row[3] | FLAG_OPT_OUT)
    going_on = row[1] + row[2] == ends and not row[3] & FLAG_END
    if not going_on or flagged == row or flagged not in signed:
        return row
    told = later_inputs is None or any(
        kind in (INPUT_BLOCK, INPUT_BLOCK_MANY) and frame < ends + AHEAD_FRAMES_MAX
        for frame, kind, _value in later_inputs
    )
    return flagged if told else row


def _first(absent: list[Row], extra: list[tuple[int, Row]]) -> Unlike:
    """The earliest of both, with the one of the others that it stands for."""
    number: int | None = None
    expected: Row | None = None
    found: Row | None = None
    if extra and (not absent or (extra[0][1][1], extra[0][1][0]) <= (absent[0][1], absent[0][0])):
        number, found = extra[0]
        expected = next((row for row in absent if _alike(row, found)), None)
    else:
        expected = absent[0]
        for place, row in extra:
            if _alike(expected, row):
                number, found = place, row
                break
    at = min(row[1] for row in (expected, found) if row is not None)
    return Unlike("row", number, at, said(expected), said(found), _meaning(expected, found))


def _alike(one: Row, other: Row) -> bool:
    """Whether one may stand for the other: the same stem at about the same time, or another at the same."""
    overlap = min(one[1] + one[2], other[1] + other[2]) > max(one[1], other[1])
    return (one[0] == other[0] and overlap) or one[1:3] == other[1:3]


def _meaning(expected: Row | None, found: Row | None) -> str:
    if expected is None or found is None:
        return ROW_LEFT_OUT if found is None else ROW_ADDED
    if expected[0] != found[0]:
        return STEM
    if expected[1] != found[1]:
        return START
    return FRAMES if expected[2] != found[2] else FLAGS
