"""What a score of version 2 must be beside what its tables say, the voices that it needs, and what plays it.

Only a score of version 2 or later loads this, and a board lets go of it once the VM is made. SCORE.md is the reference.
"""

from amos.score.chooser import Chooser
from amos.score.conductor import Conductor
from amos.score.day_clock import DayClock
from amos.score.expression import fault
from amos.score.parts import FADE_FRAMES_MAX, ROLE_MAX, Layer, ScoreSection, StemSet, is_ascending
from amos.score.score import VERSION_2
from amos.score.stage import Stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from amos.score.score import Score


def version_2_fault(score: "Score") -> "str | None":
    """What contradicts something else, or None."""
    if score.beats is not None and len(score.beats) != score.stems:
        return "beats: expected %d, found %d" % (score.stems, len(score.beats))
    if score.pickups is not None:
        if len(score.pickups) != score.stems:
            return "pickups: expected %d, found %d" % (score.stems, len(score.pickups))
        if score.stems and max(score.pickups) > FADE_FRAMES_MAX:
            return "pickups: expected at most %d frames, found %d" % (FADE_FRAMES_MAX, max(score.pickups))
    reason = _variants_fault(score)
    if reason:
        return reason
    for theme in score.themes or ():
        reason = _stems_fault(theme, score.stems, False)
        if reason:
            return "themes: " + reason
    for shifts in score.shifts or ():
        reason = _stems_fault(shifts, score.stems, True)
        if reason or score.beats is None:
            return "shifts: " + (reason or "expected with beats of stems")
    for section in score.sections:
        reason = _section_fault(score, section)
        if reason:
            return "section %s: %s" % (section.name, reason)
    if has_day_plan(score):
        from amos.score.day_plan import day_fault

        reason = day_fault(score)
        if reason:
            return reason
    return _exclusive_fault(score.exclusive)


def _variants_fault(score: "Score"):
    variants = score.variants
    if variants is not None:
        if len(variants) != score.stems:
            return "variants: expected %d, found %d" % (score.stems, len(variants))
        for stem, first in enumerate(variants):
            if first != stem and (not stem or first != variants[stem - 1]):
                return "variants: expected each its own, or as the one before"
    for index, pool in enumerate(score.pools):
        same_as = pool.same_as
        if same_as is not None and (same_as >= index or score.pools[same_as].same_as is not None):
            return "pools: expected same_as to name the first of them"
    return None


def _stems_fault(row: StemSet, count: int, shifted: bool):
    stems = row.stems
    if not len(stems) or not is_ascending(stems) or stems[len(stems) - 1] >= count:
        return "expected ascending stems, at least one, below %d" % count
    if len(row.beats or ()) != (len(stems) if shifted else 0):
        return "expected a beat for each stem" if shifted else "expected no beats"
    return None


def _section_fault(score: "Score", section: ScoreSection):
    themes, count = section.themes, len(score.themes or ())
    if themes is not None and (not themes or len(set(themes)) != len(themes)):
        return "themes: expected at least one, each once"
    if themes and max(themes) >= count:
        return "themes: expected below %d, found %d" % (count, max(themes))
    if themes is None and themed_voices(section):
        return "layers: expected themed ones in a section with themes"
    for layer in section.layers:
        reason = layer.when is not None and fault(layer.when, len(score.sliders), ROLE_MAX + 1)
        if reason:
            return "when: " + reason
        if layer.shifts is not None and layer.shifts >= len(score.shifts or ()):
            return "shifts: expected below %d, found %d" % (len(score.shifts or ()), layer.shifts)
        reason = _strokes_fault(layer)
        if reason:
            return reason
        if layer.rise_frames is not None and (layer.level is None or not layer.rise_frames):
            return "rise_frames: expected with a level, and at least 1"
        reason = layer.level is not None and fault(layer.level, len(score.sliders) + (layer.rise_frames is not None))
        if reason:
            return "level: " + reason
    if any([layer.strokes is not None for layer in section.layers]):
        from amos.score.patterns import strokes_fault

        reason = strokes_fault(section.layers, score.rate_hz, score.tempo_of(section))
        if reason:
            return reason
    return _exclusive_fault(section.exclusive)


def _strokes_fault(layer: Layer):
    if layer.strokes is None:
        return None if layer.ticks is None else "ticks: expected with strokes"
    if layer.fade_frames or layer.tail_frames or layer.once or layer.count_min != layer.count_max:
        return "strokes: expected no fade, no tail, no once and one count"
    if not is_ascending(layer.strokes):
        return "strokes: expected ascending"
    if not len(layer.strokes) or layer.strokes[len(layer.strokes) - 1] >= (layer.ticks or 0):
        return "strokes: expected at least one, and below ticks"
    return None


def _exclusive_fault(exclusive: "Sequence[int] | None"):
    for roles in exclusive or ():
        if not roles & roles - 1:
            return "exclusive: expected two roles or more"
    return None if exclusive is None or len(exclusive) else "exclusive: expected at least one"


def themed_voices(section: ScoreSection) -> int:
    """Voices of what may not play on where the section follows itself, for the theme is another."""
    return sum([layer.voices() for layer in section.layers if layer.themed])


def shared_voices(section: ScoreSection, everywhere: "Sequence[int] | None") -> int:
    """Voices that `section` needs at most, without the section before; `everywhere`: the score's `exclusive`."""
    needed = [0] * (ROLE_MAX + 1)
    for layer in section.layers:
        needed[layer.role] += layer.voices()
    seen = 0
    for roles in list(everywhere or ()) + list(section.exclusive or ()):
        if roles & seen:
            continue  # what two rules share could stand for one of them only
        seen |= roles
        # Of these only one role sounds, and stands for all.
        held = [role for role in range(ROLE_MAX + 1) if roles >> role & 1]
        most = max([needed[role] for role in held])
        for role in held:
            needed[role] = 0
        needed[held[0]] = most
    return sum(needed)


def classes_of(score: "Score"):
    """The classes of stage, chooser, conductor and day that the score needs: a board loads no other."""
    stage, chooser, conductor, day = Stage, Chooser, Conductor, DayClock
    if score.beats is not None:
        from amos.score.loop_stage import LoopStage

        stage = LoopStage
    if score.pickups is not None:
        from amos.score.pickups import with_pickups

        stage = with_pickups(stage)
    if has_strokes(score):
        from amos.score.patterns import with_patterns

        stage = with_patterns(stage)
    if has_rests(score):
        from amos.score.rests import with_rests

        stage = with_rests(stage)
    if has_ensembles(score):
        from amos.score.ensemble import with_ensembles

        stage = with_ensembles(stage)
    if score.themes is not None:
        from amos.score.themes import ThemedChooser, with_themes

        stage, chooser = with_themes(stage), ThemedChooser
    if has_levels(score):
        from amos.score.levels import with_levels

        stage = with_levels(stage)
    if has_variants(score):
        from amos.score.variants import with_variants

        chooser = with_variants(chooser)
    if has_tempi(score):
        from amos.score.tempi import leading_in_tempi, with_tempi

        stage, conductor = with_tempi(stage), leading_in_tempi(conductor)
    if has_day_plan(score):
        from amos.score.day_plan import DayPlan, led_by_day

        conductor, day = led_by_day(conductor), DayPlan
    if score.version == VERSION_2:
        return stage, chooser, conductor, day
    from amos.score.version_3 import with_version_3

    return with_version_3(score, stage, chooser, conductor, day)


def has_variants(score: "Score") -> bool:
    """Whether stems stand in it in more than one tempo or key."""
    return score.variants is not None or any([pool.same_as is not None for pool in score.pools])


def has_tempi(score: "Score") -> bool:
    """Whether any section has a tempo of its own."""
    return any([section.tempo_mbpm is not None for section in score.sections])


def has_day_plan(score: "Score") -> bool:
    """Whether the day leads to sections, or has a volume."""
    return score.day_sections is not None or score.day_volumes is not None


def has_strokes(score: "Score") -> bool:
    """Whether any layer has a pattern of its own."""
    return any([layer.strokes is not None for section in score.sections for layer in section.layers])


def has_rests(score: "Score") -> bool:
    """Whether any layer rests before its section ends."""
    return any([layer.once or layer.until_beats for section in score.sections for layer in section.layers])


def has_levels(score: "Score") -> bool:
    """Whether the gain of any layer moves."""
    return any([layer.level is not None for section in score.sections for layer in section.layers])


def has_ensembles(score: "Score") -> bool:
    """Whether any layer waits for others, or roles exclude one another."""
    if score.exclusive is not None or any([section.exclusive is not None for section in score.sections]):
        return True
    return any([layer.when is not None for section in score.sections for layer in section.layers])
