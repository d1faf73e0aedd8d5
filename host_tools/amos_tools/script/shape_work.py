"""What pans, widths and low-passes cost a board at most, counted in voices.

Instructions a stereo frame, viper on 32-bit ARM (`sound/SPEC.md`, "Cost"): a voice of QOA in a ramp 364, a low-pass
154, a pan or width 74.
"""

from collections.abc import Sequence

from amos.score.checks import steps
from amos.score.score import Layer, Score, ScoreSection
from amos.score.version_2 import shared_voices, themed_voices
from amos_tools.boards import Board

LOW_PASS_PERCENT = 43
SIDES_PERCENT = 21
UNITY_Q15 = 32768


def work_percent(score: Score) -> int:
    """Hundredths of a plain voice that all that sounds at once comes to at most, or 0 if no layer has a shape."""
    shaped = {number: _more(section.layers) for number, section in enumerate(score.sections)}
    if not any(shaped.values()):
        return 0
    alone = [100 * shared_voices(section, score.exclusive) for section in score.sections]
    most = max(alone[number] + shaped[number] for number in shaped)
    for before, after, _rule in steps(score):
        leaving = alone[before] + shaped[before] if before != after else _themed(score.sections[before])
        most = max(most, leaving + alone[after] + shaped[after])
    return most + 100 * (score.voices - score.music_voices())


def _themed(section: ScoreSection) -> int:
    """What fades out where a section follows itself with another theme."""
    return 100 * themed_voices(section) + _more([layer for layer in section.layers if layer.themed])


def _more(layers: list[Layer]) -> int:
    return sum(layer.voices() * layer_percent(layer) for layer in layers)


def layer_percent(layer: Layer) -> int:
    """Hundredths of a voice that each voice of the layer costs beyond one."""
    if layer.shape is None:
        return 0
    *gains, pole = layer.shape
    return (LOW_PASS_PERCENT if pole else 0) + (SIDES_PERCENT if min(gains) < UNITY_Q15 else 0)


def affords(score: Score, board: Board) -> bool:
    """Whether the board has time for the shapes of a score. One with NumPy has it for all its voices."""
    voices: int = board["audio.voices"]
    return board["runtime"] != "micropython" or work_percent(score) <= 100 * voices


def shape_fault(score: Score, boards: Sequence[Board]) -> str | None:
    """Which of these boards cannot afford the shapes of a score, or None. Those that would refuse it for its rate or
    its voices are left out."""
    over = [
        f"{board['audio.voices']} on {board.name}"
        for board in boards
        if score.voices <= board["audio.voices"]
        and score.rate_hz <= board["audio.rate_hz"]
        and not affords(score, board)
    ]
    if not over:
        return None
    return (
        f"shapes: expected voices worth at most {' and '.join(over)}, found {work_percent(score) / 100:.1f}: each"
        f" costs {LOW_PASS_PERCENT / 100} more with a `lowpass`, and {SIDES_PERCENT / 100} with a `pan` or `width`"
    )
