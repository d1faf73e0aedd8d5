"""What a score must be beside what its tables say, and which version it is of.

A board lets go of this once the VM is made. SCORE.md is the reference.
"""

from amos.compat import const
from amos.protocol.record import Record
from amos.score.expression import CONST, ROLE_VALUES_FROM, SLIDER, fault
from amos.score.parts import ANY, TEMPO_MBPM_MIN, ScoreSection
from amos.score.score import DAY_SECTION_FIELDS, HISTORY_MAX, RATES_HZ, VERSION, VERSION_1, VERSION_2, VERSION_3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from amos.score.parts import Transition
    from amos.score.score import Score

_VOCALS = const(7)


def score_fault(score: "Score") -> "str | None":
    """What is wrong with it, or None."""
    if score.rate_hz not in RATES_HZ:
        return "rate_hz: expected 48000, 44100 or 22050, found %d" % score.rate_hz
    if score.tempo_mbpm < TEMPO_MBPM_MIN or not score.beats_per_bar or not score.voices:
        return "tempo, beats and voices: expected at least 20000, 1 and 1"
    if not score.sections or not score.transitions:
        return "sections and transitions: expected at least one of each"
    last = score.transitions[-1]
    if last.before != ANY or last.after != ANY:
        return "transitions: expected the last to cover any step"
    for pool in score.pools:
        if pool.highest() >= score.stems:
            return "pools: expected stems below %d, found %d" % (score.stems, pool.highest())
    count = len(score.sections)
    for rule in score.transitions:
        if rule.before > count or rule.after > count or (rule.via or 0) > count:
            return "transitions: expected sections that exist"
    for section in score.sections:
        fault_text = _section_fault(score, section)
        if fault_text:
            return "section %s: %s" % (section.name, fault_text)
    return _version_fault(score) or _step_fault(score)


def _section_fault(score: "Score", section: ScoreSection):
    for layer in section.layers:
        if layer.pool >= len(score.pools):
            return "pool: expected below %d, found %d" % (len(score.pools), layer.pool)
        reason = layer.chance is not None and fault(layer.chance, len(score.sliders))
        if reason:
            return "chance: " + reason
    for item in section.nexts:
        if item.section >= len(score.sections):
            return "next: expected a section below %d, found %d" % (len(score.sections), item.section)
        reason = fault(item.weight, len(score.sliders))
        if not reason and item.when is not None:
            reason = fault(item.when, len(score.sliders))
        if reason:
            return "next: " + reason
    return None


def _version_fault(score: "Score"):
    needed = version_needed(score)
    if score.version != needed:
        return "version: expected %d with these fields, found %d" % (needed, score.version)
    reason = _rules_fault(score)
    if reason or needed == VERSION_1:
        return reason
    from amos.score.version_2 import version_2_fault

    reason = version_2_fault(score)
    if reason or needed == VERSION_2:
        return reason
    from amos.score.version_3 import version_3_fault

    reason = version_3_fault(score)
    if reason or needed == VERSION_3:
        return reason
    from amos.score.version_4 import version_4_fault

    return version_4_fault(score)


def _step_fault(score: "Score"):
    """Fades end within the section they lead into, so at most two sections sound at once; both fit the voices."""
    voices = score.music_voices()
    for section in score.sections:
        needed = _voices_of(score, section)
        if needed > voices:
            return "section %s: expected at most %d voices, found %d" % (section.name, voices, needed)
    for before, after, rule in steps(score):
        leaving, following = score.sections[before], score.sections[after]
        if rule.fade_out_frames > score.frames_min(following):
            return "section %s: expected to outlast the fade into it" % following.name
        together = _voices_of(score, following)
        if after != before:
            together += _voices_of(score, leaving)
        elif leaving.themes:
            from amos.score.version_2 import themed_voices

            together += themed_voices(leaving)
        if together > voices:
            return "sections %s and %s: expected at most %d voices together, found %d" % (
                leaving.name,
                following.name,
                voices,
                together,
            )
    return None


def _voices_of(score: "Score", section: ScoreSection) -> int:
    if score.exclusive is None and section.exclusive is None:
        return section.voices()
    from amos.score.version_2 import shared_voices

    return shared_voices(section, score.exclusive)


def steps(score: "Score") -> "list[tuple[int, int, Transition]]":
    """Every step between two sections that may happen, with the rule whose fades it takes."""
    found = []
    for before, section in enumerate(score.sections):
        afters = {item.section for item in section.nexts} or {before}
        if score.day_sections is not None:
            afters.add(0)
            afters.update([score.day_sections[at] for at in range(3, len(score.day_sections), DAY_SECTION_FIELDS)])
        for after in afters:
            rule = score.transition(before, after)
            bridge = rule.bridge(before, after)
            if bridge < 0:
                found.append((before, after, rule))
            else:
                found.append((before, bridge, rule))
                found.append((bridge, after, score.transition(bridge, after)))
    return found


def version_needed(score: "Score") -> int:
    """The version that the fields and roles in use are of: the latest with which one of them came."""
    records: list[Record] = [score]
    records.extend(score.announcements or ())
    records.extend(score.pools)
    for section in score.sections:
        records.append(section)
        records.extend(section.layers)
        records.extend(section.nexts)
    needed = VERSION_3 if _names_vocals(score) else VERSION_1
    for record in records:
        for key, name, _kind, _bound in record.FIELDS:
            if key > record.KEYS_OF_1 and getattr(record, name) is not None:
                came_with = VERSION if key > record.KEYS_OF_3 else VERSION_3 if key > record.KEYS_OF_2 else VERSION_2
                needed = max(needed, came_with)
    return needed


def _names_vocals(score: "Score") -> bool:
    """Whether it plays, excludes or waits for vocals: what only version 3 knows."""
    rules = list(score.exclusive or ())
    codes = []
    for section in score.sections:
        rules.extend(section.exclusive or ())
        codes.extend([layer.when for layer in section.layers if layer.when is not None])
        if any([layer.role == _VOCALS for layer in section.layers]):
            return True
    return any([roles >> _VOCALS for roles in rules]) or any([_asks_for_vocals(code) for code in codes])


def _asks_for_vocals(code: "Sequence[int]") -> bool:
    at = 1
    while at < len(code):
        if code[at - 1] == SLIDER and code[at] == ROLE_VALUES_FROM + _VOCALS:
            return True
        at += 2 if code[at - 1] in (CONST, SLIDER) else 1
    return False


def _rules_fault(score: "Score") -> "str | None":
    """Which of its rules contradicts something else, or None."""
    if score.artists is not None and len(score.artists) != score.stems:
        return "artists: expected %d, found %d" % (score.stems, len(score.artists))
    if score.artists is None and score.artist_plays:
        return "artists: expected with artist_plays"
    if score.history_depth() * len(score.pools) > HISTORY_MAX:
        return "history: expected at most %d plays over all pools" % HISTORY_MAX
    order = score.relax or ()
    if len(set(order)) != len(order):
        return "relax: expected each rule once"
    reactions = score.reactions or ()
    if len({item.kind for item in reactions}) != len(reactions):
        return "reactions: expected each kind once"
    for item in score.dayparts or ():
        if item.slider >= len(score.sliders):
            return "dayparts: expected a slider below %d, found %d" % (len(score.sliders), item.slider)
    for item in score.announcements or ():
        if item.stem is not None and item.stem >= score.stems:
            return "announcements: expected a stem below %d, found %d" % (score.stems, item.stem)
    for plan in score.renders or ():
        for hit in plan.hits:
            if hit.section >= len(score.sections):
                return "renders: expected a section below %d, found %d" % (len(score.sections), hit.section)
    return None
