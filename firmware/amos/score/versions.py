"""Which version a score is of, and what its rules must be beside what its tables say.

A board lets go of this once the VM is made. SCORE.md is the reference.
"""

from amos.compat import const
from amos.protocol.record import Record
from amos.score.expression import CONST, ROLE_VALUES_FROM, SLIDER
from amos.score.score import HISTORY_MAX, VERSION, VERSION_1, VERSION_2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from amos.score.score import Score

_VOCALS = const(7)


def version_needed(score: "Score") -> int:
    """The version that the fields and roles in use are of: the latest with which one of them came."""
    records: list[Record] = [score]
    records.extend(score.announcements or ())
    records.extend(score.pools)
    for section in score.sections:
        records.append(section)
        records.extend(section.layers)
        records.extend(section.nexts)
    needed = VERSION if _names_vocals(score) else VERSION_1
    for record in records:
        for key, name, _kind, _bound in record.FIELDS:
            if key > record.KEYS_OF_1 and getattr(record, name) is not None:
                needed = max(needed, VERSION if key > record.KEYS_OF_2 else VERSION_2)
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


def rules_fault(score: "Score") -> "str | None":
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
