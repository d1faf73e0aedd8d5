"""Under which fades of a score its pads are heard at their ends, so that these may take the place of the pads' own.

What is heard alone at its ends keeps its own fades: where a layer has none, or may rest before or after it.
"""

from collections.abc import Sequence

from amos.score.score import Layer, Score, ScoreSection
from amos_tools.stems import ROLES

_PADS = ROLES.index("pads")


def fades_over(score: Score, stem_frames: Sequence[int]) -> list[int]:
    """Of each stem of the table, frames of the shortest fade under which it is heard at its ends; 0 if there is none
    or if it is no pad. `stem_frames` are the lengths of the stems at the score's rate."""
    heard: list[list[int]] = [[] for _ in range(score.stems)]
    for section in score.sections:
        for layer in section.layers:
            pool = score.pools[layer.pool]
            may_rest = layer.role != _PADS or _may_rest(layer) or _waits(score, section)
            for stem in {stem for row in (pool.stems, pool.off_key, pool.off_tempo) for stem in row or ()}:
                rests = may_rest or _rests_after(stem, layer, section, score, stem_frames[stem])
                heard[stem].append(0 if rests else layer.fade_frames)
    for item in score.announcements or ():
        if item.stem is not None:
            heard[item.stem].append(0)
    return [min(fades, default=0) for fades in heard]


def _may_rest(layer: Layer) -> bool:
    return (
        layer.chance is not None
        or layer.when is not None
        or bool(layer.once)
        or layer.until_beats is not None
        or layer.enter_beats > 0
        or layer.count_min == 0
    )


def _waits(score: Score, section: ScoreSection) -> bool:
    """Whether pads of the section are kept back while others sound."""
    return any(roles >> _PADS & 1 for roles in (*(score.exclusive or ()), *(section.exclusive or ())))


def _rests_after(stem: int, layer: Layer, section: ScoreSection, score: Score, frames: int) -> bool:
    """Whether a stem is over, in its section, before the layer's next point."""
    beat_frames = score.rate_hz * 60_000 / score.tempo_of(section)
    beats = score.beats[stem] if score.beats else 0
    if beats:
        over = beats + layer.fade_frames / beat_frames  # it goes round under its fade
        due = beats + -beats % layer.grid_beats
    else:
        over = frames / beat_frames
        due = layer.grid_beats
    return over <= due and over < section.bars_max * score.beats_per_bar
