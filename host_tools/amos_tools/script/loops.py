"""Which stems are loops of a script's clock, how many of its beats they last, and whether they ring out after them."""

from amos_tools.pack.conform import can_conform, is_loop, loop_frames
from amos_tools.script.units import ClockFacts
from amos_tools.stems import StemFacts

BEATS_MAX = 0xFFFF
"""What a score holds."""


def script_beats(stem: StemFacts, clock: ClockFacts) -> int:
    """Beats of the script that the stem lasts once the pack builder has brought it to its tempo, ring-out left out.

    0 for what is no loop of the clock: without beats, too far from the tempo, or half a beat too long at double tempo.
    """
    halves = _halves(stem, clock)
    return halves // 2 if halves % 2 == 0 and halves // 2 <= BEATS_MAX else 0


def half_beats(stem: StemFacts, clock: ClockFacts) -> bool:
    """Whether the stem lasts no whole beats of the script, being of double tempo."""
    return _halves(stem, clock) % 2 == 1


def _halves(stem: StemFacts, clock: ClockFacts) -> int:
    """Half beats of the script, 0 for what is no loop of the clock."""
    plan = can_conform(stem, clock.tempo_mbpm, None)
    if stem.beats is None or plan is None or plan.tempo_mbpm is None:
        return 0
    return (4 * stem.beats * clock.tempo_mbpm + plan.tempo_mbpm) // (2 * plan.tempo_mbpm)


def rings_out(stem: StemFacts) -> bool:
    """Whether the stem is longer than its beats by more than the pack builder makes fit."""
    if stem.beats is None or stem.tempo_mbpm is None:
        return False
    return stem.frames > loop_frames(stem.beats, stem.tempo_mbpm, stem.rate_hz) and not is_loop(stem)
