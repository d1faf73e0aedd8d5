"""What a score takes of a board's memory, before it is sent there."""

from amos.score.score import Score
from amos.score.version_2 import has_day_plan, has_ensembles, has_rests, has_strokes, has_tempi, has_variants
from amos.score.version_3 import has_shapes
from amos_tools.boards import board_names, load_board
from amos_tools.script.problems import FIRST, Problems

PLAYER_BYTES = 376 * 1024
"""Heap of the rest of a player on 32 bits at its fullest: 334 KiB of code (274 KiB, in flash where it is frozen),
voices, buffers and stems as the fullest music of the smallest board holds them, 20 KiB while the largest segment is
sealed, and as much again that lies between what lives."""

BOARDS = {
    board.name: max(0, board["memory.heap_bytes"] - PLAYER_BYTES)
    for board in map(load_board, board_names())
    if board["runtime"] == "micropython"
}
"""Bytes of heap that a board leaves to score and VM; on those of runtime `linux` no score could reach a limit."""

_BASE = 3400
_EACH = {"sliders": 160, "pools": 120, "sections": 130, "transitions": 110, "dayparts": 90, "announcements": 130}
_EACH |= {"reactions": 80, "renders": 120}
_LAYER = 210
_NEXT = 140
_HIT = 60
_SLOT = 240
_STEM = 4
_VOICE = 30
_LOOPS = 3600
_THEMES = 2500
_ENSEMBLE = 3000
_THEME = 60
_STROKES = 4000
_LEVELS = 3200
_LEVEL = 40
_PICKUPS = 2500
_RESTS = 2000
_DAY = 3500
_CURVES = 2000
_VARIANTS = 1500
_TEMPI = 2000
_SEAMS = 700
_SHAPES = 5500  # the kernels among them, which a board has in its heap where it does not freeze them
_SHAPED_VOICE = 300


def heap_bytes(score: Score) -> int:
    """Bytes of a 32-bit MicroPython heap that the decoded score and its VM hold after a while, rounded up.

    Each kind of row has a price, measured on MicroPython for armhf with `gc.mem_alloc` around decoding and
    constructing (tests/script/test_memory.py checks it there). Expressions, pools and history are counted in words.
    """
    total = _BASE + _STEM * score.stems + _VOICE * score.voices
    for name, price in _EACH.items():
        total += price * len(getattr(score, name) or ())
    for pool in score.pools:
        total += 2 * sum(len(stems or ()) for stems in (pool.stems, pool.off_key, pool.off_tempo))
        total += 4 * (score.history_depth() + 4)
    if score.artists is not None:
        total += 2 * score.stems
    if score.beats is not None:
        total += 2 * score.stems + _LOOPS
    if score.themes is not None:
        total += _THEMES + sum(_THEME + 2 * len(theme.stems) for theme in score.themes)
    total += sum(_THEME + 4 * len(shifts.stems) for shifts in score.shifts or ())
    if score.stem_seconds:
        total += 4 * score.stems
    if has_ensembles(score):
        total += _ENSEMBLE + 10 * score.voices
    if score.pickups is not None:
        total += 4 * score.stems + _PICKUPS
    if has_rests(score):
        total += _RESTS
    if has_strokes(score):
        total += _STROKES
    if has_day_plan(score):
        total += _DAY + sum(18 * len(rows) for rows in (score.day_sections, score.day_volumes) if rows is not None)
    if score.day_sliders is not None:
        total += _CURVES + 7 * len(score.day_sliders)
    total += sum(20 * (1 + len(item.more_minutes or ())) for item in score.announcements or ())
    if has_variants(score):
        total += 2 * score.stems + _VARIANTS
    if has_tempi(score):
        total += _TEMPI
    if score.seams:
        total += _SEAMS
    if has_shapes(score):
        total += _SHAPES + _SHAPED_VOICE * score.voices
    slots = 0
    for section in score.sections:
        total += _LAYER * len(section.layers) + _NEXT * len(section.nexts)
        for layer in section.layers:
            total += 4 * sum(len(code or ()) for code in (layer.chance, layer.when, layer.level))
        total += 4 * sum(len(item.weight) + len(item.when or ()) for item in section.nexts)
        total += sum(2 * len(layer.strokes) + 40 for layer in section.layers if layer.strokes is not None)
        slots = max(slots, sum(layer.count_max for layer in section.layers))
    total += _SLOT * slots
    moving = [sum(layer.level is not None for layer in section.layers) for section in score.sections]
    if any(moving):
        total += _LEVELS + _LEVEL * max(moving)
    for plan in score.renders or ():
        total += _HIT * len(plan.hits)
    return total


def warn_boards(heap: int, problems: Problems) -> None:
    """Warn of boards that the score is too large for."""
    over = [f"{board} leaves {limit // 1024} KiB" for board, limit in BOARDS.items() if heap > limit]
    if over:
        problems.warn(FIRST, f"score and player take about {heap // 1024 + 1} KiB of memory; {' and '.join(over)}")
