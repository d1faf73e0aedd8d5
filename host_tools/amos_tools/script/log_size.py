"""What placements come to in a player's log: a row each, in segments that are signed, kept and sent."""

from amos.protocol.limits import SEGMENT_ROWS_MAX
from amos.score.expression import CONST
from amos.score.parts import Layer
from amos.score.score import ScoreSection
from amos_tools.boards import board_names, load_board
from amos_tools.script.problems import Problems, Span
from amos_tools.script.units import Q15, ClockFacts

DAY_S = 24 * 3600
ROW_BYTES = 11
SEGMENT_BYTES = 500
"""Of a segment without rows: identity, hashes and signature."""
SEALS_A_DAY = DAY_S // 600
"""A segment is sealed after ten minutes at the latest."""
JOURNAL_BYTES = 8 << 20
"""What a player has for its journal if its settings say nothing."""
JOURNALS = {board.name: board["storage.journal_bytes"] for board in map(load_board, board_names())}
_SECTOR_BYTES = 4096
_ROWS_ZONE_BYTES = 512 << 10
DAYS_MIN = 3
"""A journal holds a long weekend without a courier: `check` warns of patterns that would fill it sooner."""


def day_bytes(rows: float) -> int:
    """Bytes of a day's segments with so many rows in all."""
    return round(rows * ROW_BYTES + _segments(rows) * SEGMENT_BYTES)


def journal_days(rows: float, journal_bytes: int = JOURNAL_BYTES) -> float:
    """Days of so many rows each that a journal holds while no receipt comes."""
    segments = _segments(rows)
    sectors = -(-(rows / segments * ROW_BYTES + SEGMENT_BYTES) // _SECTOR_BYTES)
    zone = journal_bytes - min(_ROWS_ZONE_BYTES, journal_bytes // 2)
    return zone / (segments * sectors * _SECTOR_BYTES)


def day_text(rows: float) -> str:
    """Such as `691,200 rows and 7.9 MB a day`."""
    return f"{rows:,.0f} rows and {day_bytes(rows) / 1e6:.1f} MB a day"


def journals_text(rows: float) -> str:
    """How long boards hold so many rows a day while no courier comes, those with a journal of one size together."""
    names: dict[int, list[str]] = {}
    for name, size in JOURNALS.items():
        names.setdefault(size, []).append(name)
    told = [f"{_span(journal_days(rows, size))} on {', '.join(boards)}" for size, boards in sorted(names.items())]
    return f"without a courier a journal is full after {' and '.join(told)}"


def _span(days: float) -> str:
    hours = days * 24
    return f"{days:.1f} days" if days >= 1 else f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"


def _segments(rows: float) -> float:
    return max(SEALS_A_DAY, rows / SEGMENT_ROWS_MAX)


def warn_log(section: ScoreSection, spans: dict[int, Span], clock: ClockFacts, problems: Problems) -> None:
    """Warn of a section whose patterns strike so often that a player's journal is soon full.

    `spans`: where the pattern of each layer stands, by the layer's lane.
    """
    strokes = {layer.lane: _strokes_a_day(layer, clock) for layer in section.layers if layer.strokes is not None}
    rows = sum(strokes.values())
    if not strokes or journal_days(rows) >= DAYS_MIN:
        return
    most = max(strokes, key=strokes.__getitem__)
    own = f", {strokes[most] / DAY_S:.1f} times in this line" if len(strokes) > 1 else ""
    problems.warn(
        spans[most],
        f"patterns of section `{section.name}` strike up to {rows / DAY_S:.1f} times a second{own}, each a row of the "
        f"log: where nothing else plays, {day_text(rows)}",
        notes=[journals_text(rows), "a loop that holds such a pattern is one row each time it plays"],
    )


def _strokes_a_day(layer: Layer, clock: ClockFacts) -> float:
    """At most; a chance counts where it is a number."""
    strokes = len(layer.strokes or ()) / layer.grid_beats * clock.tempo_mbpm * DAY_S / 60_000
    if layer.chance is not None and len(layer.chance) == 2 and layer.chance[0] == CONST:
        strokes *= min(1.0, layer.chance[1] / Q15)
    return strokes
